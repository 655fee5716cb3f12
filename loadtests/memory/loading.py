"""Measure the memory that loading a large model takes: `python -m loadtests.memory` (Linux).

Memory is the peak of the process's resident set, pages of mapped files included, minus its size
before loading. A tiny model is loaded and freed before that, so libraries do not count. The peak is
compared with the least possible: the larger of the checkpoint's bytes and those of the weights in
the type that they are loaded in.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from loadtests.corpus import SENTENCES
from loadtests.sharded import Shape, write_shards
from model.devices import DtypeName
from model.engine.config import EngineConfig
from model.engine.engine import Engine
from model.engine.params import GenerationParams
from model.load import LoadedModel, load_model
from model.tokenizer.prompt import Translation

_TINY = Shape(d_model=8, num_layers=1, num_heads=1, d_ff=8, vocab_size=500)
NLLB = Shape(d_model=1024, num_layers=24, num_heads=16, d_ff=8192, vocab_size=256_206)

_DTYPES = ("float32", "bfloat16", "int8")
_STORED = ("float32", "bfloat16", "float16")
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "int8": 1}
_SENTENCE = SENTENCES[-1]
_NUM_NEW_TOKENS = 32
_MAX_TOKENS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Measurements of a process that loaded a checkpoint in one type; memory in bytes."""

    dtype: str
    weight_bytes: int  # a number's bytes in that type, times the parameters
    load_peak: int
    peak: int  # with an engine that has translated a sentence
    load_seconds: float
    tokens_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """One checkpoint, loaded in one type."""

    stored: str
    file_bytes: int
    found: Found

    @property
    def ratio(self) -> float:
        """The peak over the least possible memory."""
        return self.found.peak / max(self.file_bytes, self.found.weight_bytes)

    def to_json(self) -> dict[str, object]:
        """Return all fields, flat."""
        kind = {"stored": self.stored, "file_bytes": self.file_bytes, "ratio": self.ratio}
        return {**kind, **asdict(self.found)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Make and load the checkpoints, print the table, and return the exit code."""
    options = _parser().parse_args(arguments)
    shape = Shape(**{field.name: getattr(options, field.name) for field in fields(Shape)})
    loadings = []
    for stored in options.stored:
        with tempfile.TemporaryDirectory(prefix="dragoman-memory-", dir=options.folder) as name:
            file_bytes = write_shards(shape, Path(name), dtype=getattr(torch, stored))
            for dtype in options.dtype:
                found = _apart(Path(name), dtype, num_threads=options.threads)
                loadings.append(Loading(stored=stored, file_bytes=file_bytes, found=found))
    _render(loadings, Console())
    if options.json is not None:
        result = [loading.to_json() for loading in loadings]
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


def _apart(folder: Path, dtype: DtypeName, *, num_threads: int) -> Found:
    """Run `_load` in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as executor:
        return executor.submit(_load, folder, dtype, num_threads=num_threads).result()


def _load(folder: Path, dtype: DtypeName, *, num_threads: int) -> Found:
    torch.set_num_threads(num_threads)
    with tempfile.TemporaryDirectory() as name:
        write_shards(_TINY, Path(name), dtype=torch.float32)
        _translate(load_model(Path(name), dtype=dtype, device="cpu"))
    before = _forget_peak()
    start = time.perf_counter()
    loaded = load_model(folder, dtype=dtype, device="cpu")
    load_seconds = time.perf_counter() - start
    load_peak = _memory("VmHWM") - before
    tokens_per_s = _translate(loaded)
    return Found(
        dtype=dtype,
        weight_bytes=loaded.network.num_parameters * _BYTES[dtype],
        load_peak=load_peak,
        peak=_memory("VmHWM") - before,
        load_seconds=load_seconds,
        tokens_per_s=tokens_per_s,
    )


def _translate(loaded: LoadedModel) -> float:
    """Translate a sentence; return the tokens per second of the decoding steps."""
    config = EngineConfig(max_source_tokens=_MAX_TOKENS, max_target_tokens=_MAX_TOKENS, max_rows=1)
    engine = Engine(loaded.network, loaded.rules, config, cache_dtype=loaded.cache_dtype)
    prompt = loaded.prompt(_SENTENCE, Translation("de", "en"))
    engine.add_request("0", prompt, GenerationParams(max_new_tokens=_NUM_NEW_TOKENS))
    engine.step()  # encodes, too
    start = time.perf_counter()
    (output,) = [output for _ in range(_NUM_NEW_TOKENS - 1) for output in engine.step()][-1:]
    seconds = time.perf_counter() - start
    (hypothesis,) = output.hypotheses
    if len(hypothesis.token_ids) != _NUM_NEW_TOKENS:
        raise RuntimeError(f"{len(hypothesis.token_ids)} tokens instead of {_NUM_NEW_TOKENS}")
    return (_NUM_NEW_TOKENS - 1) / seconds


def _forget_peak() -> int:
    """Reset the process's peak, and return its present size."""
    Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(key: str) -> int:
    """Return a line of /proc/self/status, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{key}:"))
    return int(line.split()[1]) * 1024


def _render(loadings: Sequence[Loading], console: Console) -> None:
    table = Table(title="Peak of the resident set, in GB")
    columns = ("file", "loaded as", "file", "weights", "loading", "with an engine", "ratio")
    for column in (*columns, "seconds", "tokens/s"):
        table.add_column(column, justify="right", min_width=len("bfloat16"))
    for loading in loadings:
        found = loading.found
        sizes = (loading.file_bytes, found.weight_bytes, found.load_peak, found.peak)
        table.add_row(
            loading.stored,
            found.dtype,
            *(f"{size / 1e9:.2f}" for size in sizes),
            f"{loading.ratio:.2f}",
            f"{found.load_seconds:.1f}",
            f"{found.tokens_per_s:.1f}",
        )
    console.print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.memory",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--dtype", nargs="+", choices=_DTYPES, default=_DTYPES, help="load as")
    parser.add_argument("--stored", nargs="+", choices=_STORED, default=_STORED, help="files in")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where checkpoints are made; needs their size")
    parser.add_argument("--json", type=Path, help="also write everything to this file")
    group = parser.add_argument_group("shape of the model", "the default is NLLB-200's 1.3B")
    for field in fields(Shape):
        name = f"--{field.name.replace('_', '-')}"
        group.add_argument(name, type=int, default=getattr(NLLB, field.name))
    return parser
