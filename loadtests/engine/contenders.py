"""The protocol of everything that is timed, and our engine behind it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from loadtests.engine.serving import Served, Watch, serve_continuously
from loadtests.engine.workload import Load, Workload
from model.devices import DtypeName
from model.engine.config import EngineConfig
from model.engine.engine import Engine
from model.engine.params import GenerationParams
from model.load import load_model
from model.tokenizer.prompt import Prompt

OURS = "Dragoman"
_CACHE_BYTES = 1 << 40  # no limit: the engine allocates what its rows need
_MAX_WAITING = 1 << 20  # requests of a load above the capacity wait instead of failing
_GPU_ENCODE_TOKENS = 1 << 15


class Contender(Protocol):
    """One library with one type of weights, loaded and ready."""

    @property
    def name(self) -> str:
        """The library and the type, such as `transformers float32`."""
        ...

    @property
    def cache_bytes(self) -> int:
        """Bytes of one number in the KV cache."""
        ...

    def generate(self, workload: Workload) -> list[list[int]]:
        """Return the best output of each source, without decoder start and end of sentence."""
        ...

    def serve(self, load: Load) -> list[Served]:
        """Serve a load; return one result for each request, in the order of arrival."""
        ...


class Dragoman:
    """Our engine, in the calling thread.

    Args:
        checkpoint: Its folder.
        dtype: The type of the weights.
        device: `cpu` or `cuda`.
        max_rows: The hypotheses of the largest batch.
        max_tokens: The tokens of the longest source and of the longest output.
    """

    def __init__(
        self,
        checkpoint: Path,
        *,
        dtype: DtypeName,
        device: str,
        max_rows: int,
        max_tokens: tuple[int, int],
    ) -> None:
        self.name = f"{OURS} {dtype}"
        loaded = load_model(checkpoint, dtype=dtype, device=device)
        self.cache_bytes = loaded.cache_dtype.itemsize
        self._start_id: int = loaded.hf_config["decoder_start_token_id"]
        self._end_ids = loaded.rules.eos_ids
        config = EngineConfig(
            max_source_tokens=max_tokens[0],
            max_target_tokens=max_tokens[1] + 1,  # the start
            max_rows=max_rows,
            max_waiting=_MAX_WAITING,
            kv_cache_bytes=_CACHE_BYTES,
            **({"max_encode_tokens": _GPU_ENCODE_TOKENS} if device == "cuda" else {}),
        )
        self._engine = Engine(loaded.network, loaded.rules, config, cache_dtype=loaded.cache_dtype)

    def generate(self, workload: Workload) -> list[list[int]]:
        params = GenerationParams(
            max_new_tokens=workload.num_new_tokens,
            num_beams=workload.num_beams,
            early_stopping=workload.ends and workload.num_beams > 1,
        )
        for index, source in enumerate(workload.sources):
            prompt = Prompt(encoder_ids=source, decoder_prefix_ids=(self._start_id,))
            self._engine.add_request(str(index), prompt, params)
        outputs: dict[int, list[int]] = {}
        while self._engine.has_work:
            for output in self._engine.step():
                if output.hypotheses:
                    ids = output.hypotheses[0].token_ids
                    outputs[int(output.request_id)] = until_end(ids, self._end_ids)
        return [outputs[index] for index in range(workload.batch)]

    def serve(self, load: Load) -> list[Served]:
        return serve_continuously(self._engine, load, Watch(), start_id=self._start_id)


def until_end(ids: Sequence[int], end_ids: frozenset[int]) -> list[int]:
    """Return the ids before the first end of sentence or padding."""
    end = next((index for index, id_ in enumerate(ids) if id_ in end_ids), len(ids))
    return list(ids[:end])
