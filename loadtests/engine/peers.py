"""The libraries that our engine is timed beside."""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from loadtests.engine.contenders import until_end
from loadtests.engine.serving import Served, Watch, serve_batches
from loadtests.engine.workload import Load, Workload


class Transformers:
    """Hugging Face's `generate`, with its defaults."""

    def __init__(self, checkpoint: Path, *, dtype: str, device: str) -> None:
        from transformers import AutoModelForSeq2SeqLM  # noqa: PLC0415 - may not be installed
        from transformers.utils import logging  # noqa: PLC0415

        logging.set_verbosity_error()
        logging.disable_progress_bar()

        self.name = f"transformers {dtype}"
        weights = getattr(torch, dtype)
        self.cache_bytes: int = weights.itemsize
        network: Any = AutoModelForSeq2SeqLM.from_pretrained(checkpoint, dtype=weights)
        self._network = network.eval().to(device)
        self._device = device
        config = network.generation_config
        self._pad_id: int = config.pad_token_id
        self._end_ids = frozenset((config.eos_token_id, config.pad_token_id))

    def generate(self, workload: Workload) -> list[list[int]]:
        ids, mask = _padded(workload.sources, pad_id=self._pad_id)
        with torch.inference_mode():
            output = self._network.generate(
                input_ids=ids.to(self._device),
                attention_mask=mask.to(self._device),
                num_beams=workload.num_beams,
                max_new_tokens=workload.num_new_tokens,
                max_length=None,
                early_stopping=workload.ends and workload.num_beams > 1,
                do_sample=False,
            )
        return [until_end(row, self._end_ids) for row in output[:, 1:].tolist()]

    def serve(self, load: Load) -> list[Served]:
        return serve_batches(self.generate, load, Watch())


class CTranslate2:
    """CTranslate2's `Translator`, from a folder of `convert`."""

    def __init__(self, converted: Path, *, dtype: str, device: str, num_threads: int) -> None:
        import ctranslate2  # noqa: PLC0415 - may not be installed

        self.name = f"CTranslate2 {dtype}"
        self.cache_bytes = 2 if dtype.endswith("float16") and device == "cuda" else 4
        self._translator = ctranslate2.Translator(
            str(converted),
            device=device,
            compute_type=dtype,
            inter_threads=1,
            intra_threads=num_threads,
        )
        self._tokens = _vocabulary(converted)
        self._ids = {token: index for index, token in enumerate(self._tokens)}

    @staticmethod
    def types(device: str) -> set[str]:
        """Return the types of weights that the library supports on this device."""
        import ctranslate2  # noqa: PLC0415

        if device == "cuda" and ctranslate2.get_cuda_device_count() < 1:
            return set()
        return set(ctranslate2.get_supported_compute_types(device))

    def generate(self, workload: Workload) -> list[list[int]]:
        results = self._translator.translate_batch(
            [[self._tokens[token_id] for token_id in source] for source in workload.sources],
            beam_size=workload.num_beams,
            max_decoding_length=workload.num_new_tokens,
            max_input_length=0,
        )
        return [[self._ids[token] for token in result.hypotheses[0]] for result in results]

    def serve(self, load: Load) -> list[Served]:
        return serve_batches(self.generate, load, Watch())


def convert(checkpoint: Path, converted: Path, *, dtype: str) -> None:
    """Convert a checkpoint to CTranslate2's format, unless it is done."""
    import ctranslate2  # noqa: PLC0415
    from transformers.utils import logging  # noqa: PLC0415

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    if not (converted / "model.bin").exists():
        converter = ctranslate2.converters.TransformersConverter(str(checkpoint))
        with warnings.catch_warnings():  # advice about a tokenizer that is not used here
            warnings.simplefilter("ignore")
            converter.convert(str(converted), quantization=dtype, force=True)


def _vocabulary(converted: Path) -> list[str]:
    """Return the tokens by id; source and target may share one file."""
    shared, source = converted / "shared_vocabulary.json", converted / "source_vocabulary.json"
    path = shared if shared.exists() else source
    tokens: list[str] = json.loads(path.read_text("utf-8"))
    return tokens


def _padded(sources: Sequence[Sequence[int]], *, pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (batch, longest) ids, padded on the right, and their mask, 1 for tokens."""
    longest = max(map(len, sources))
    ids = torch.full((len(sources), longest), pad_id)
    mask = torch.zeros_like(ids)
    for row, source in enumerate(sources):
        ids[row, : len(source)] = torch.tensor(source)
        mask[row, : len(source)] = 1
    return ids, mask
