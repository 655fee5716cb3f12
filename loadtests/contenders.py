"""Our engine and the libraries it is timed beside, behind one protocol."""

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from loadtests.checkpoint import Shape
from model.devices import DtypeName
from model.engine.config import EngineConfig
from model.engine.engine import Engine
from model.engine.params import GenerationParams
from model.load import load_model
from model.tokenizer.prompt import Prompt

_MAX_TOKENS = 256  # of a source, and of an output: both far above what the benchmark asks for
_CACHE_BYTES = 16 << 30  # the engine takes what max_rows needs of it, and touches what it uses


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One batch: token ids in, exactly `num_new_tokens` ids out for each of them."""

    sources: tuple[tuple[int, ...], ...]  # each ends with the end-of-sentence id
    num_new_tokens: int
    num_beams: int = 1

    @property
    def num_tokens(self) -> int:
        return len(self.sources) * self.num_new_tokens


class Contender(Protocol):
    """One library with one type of weights, loaded and ready."""

    @property
    def name(self) -> str:
        """The library and the type, such as `transformers float32`."""
        ...

    def generate(self, workload: Workload) -> list[list[int]]:
        """The best output of each source, without the decoder's start token."""
        ...


class Dragoman:
    """Our engine, in this thread, with as many rows as the largest batch needs."""

    def __init__(self, checkpoint: Path, *, dtype: DtypeName, max_rows: int) -> None:
        self.name = f"Dragoman {dtype}"
        loaded = load_model(checkpoint, dtype=dtype, device="cpu")
        self._start_id: int = loaded.hf_config["decoder_start_token_id"]
        self._engine = Engine(
            loaded.network,
            loaded.rules,
            EngineConfig(
                max_source_tokens=_MAX_TOKENS,
                max_target_tokens=_MAX_TOKENS,
                max_rows=max_rows,
                kv_cache_bytes=_CACHE_BYTES,
            ),
            cache_dtype=loaded.cache_dtype,
        )

    def generate(self, workload: Workload) -> list[list[int]]:
        params = GenerationParams(
            max_new_tokens=workload.num_new_tokens, num_beams=workload.num_beams
        )
        for index, source in enumerate(workload.sources):
            prompt = Prompt(encoder_ids=source, decoder_prefix_ids=(self._start_id,))
            self._engine.add_request(str(index), prompt, params)
        outputs: dict[int, list[int]] = {}
        while self._engine.has_work:
            for output in self._engine.step():
                if output.hypotheses:
                    outputs[int(output.request_id)] = list(output.hypotheses[0].token_ids)
        return [outputs[index] for index in range(len(workload.sources))]


class Transformers:
    """Hugging Face's `generate`, as it comes."""

    def __init__(self, checkpoint: Path, *, dtype: str, shape: Shape) -> None:
        from transformers import MarianMTModel  # noqa: PLC0415 - may not be installed
        from transformers.utils import logging  # noqa: PLC0415

        logging.set_verbosity_error()
        logging.disable_progress_bar()

        self.name = f"transformers {dtype}"
        self._pad_id = shape.pad_id
        network: Any = MarianMTModel.from_pretrained(checkpoint, dtype=getattr(torch, dtype))
        self._network = network.eval()

    def generate(self, workload: Workload) -> list[list[int]]:
        ids, mask = _padded(workload.sources, pad_id=self._pad_id)
        with torch.inference_mode():
            output = self._network.generate(
                input_ids=ids,
                attention_mask=mask,
                num_beams=workload.num_beams,
                max_new_tokens=workload.num_new_tokens,
                do_sample=False,
            )
        rows: list[list[int]] = output[:, 1:].tolist()
        return rows


class CTranslate2:
    """CTranslate2's `Translator`, converted from the same checkpoint."""

    def __init__(self, checkpoint: Path, *, dtype: str, num_threads: int) -> None:
        import ctranslate2  # noqa: PLC0415 - may not be installed

        self.name = f"CTranslate2 {dtype}"
        converted = checkpoint / f"ctranslate2-{dtype}"
        if not converted.exists():
            converter = ctranslate2.converters.TransformersConverter(str(checkpoint))
            with warnings.catch_warnings():  # advice about a tokenizer that nobody here uses
                warnings.simplefilter("ignore", UserWarning)
                converter.convert(str(converted), quantization=dtype)
        self._translator = ctranslate2.Translator(
            str(converted),
            device="cpu",
            compute_type=dtype,
            inter_threads=1,
            intra_threads=num_threads,
        )
        self._tokens = _vocabulary(checkpoint)
        self._ids = {token: index for index, token in enumerate(self._tokens)}

    def generate(self, workload: Workload) -> list[list[int]]:
        results = self._translator.translate_batch(
            [[self._tokens[token_id] for token_id in source] for source in workload.sources],
            beam_size=workload.num_beams,
            max_decoding_length=workload.num_new_tokens,
        )
        return [[self._ids[token] for token in result.hypotheses[0]] for result in results]


def _vocabulary(checkpoint: Path) -> list[str]:
    ids: dict[str, int] = json.loads((checkpoint / "vocab.json").read_text("utf-8"))
    return sorted(ids, key=ids.__getitem__)


def _padded(sources: Sequence[Sequence[int]], *, pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(batch, longest) ids, padded on the right, and 1 where a token stands."""
    longest = max(map(len, sources))
    ids = torch.full((len(sources), longest), pad_id)
    for row, source in enumerate(sources):
        ids[row, : len(source)] = torch.tensor(source)
    mask = torch.zeros_like(ids)
    for row, source in enumerate(sources):
        mask[row, : len(source)] = 1
    return ids, mask
