"""Compares admission by real lengths with rows of maximal length: `python -m loadtests.admission`.

A random network of NLLB-200's 1.3B shape, with fewer of its layers, fewer tokens in its vocabulary
and as much less memory for its cache, so that as many tokens fit as in the whole network. Requests
of one length arrive at once; the engine runs as many together as its cache has room for. For the
comparison it is held to the rows that would fit if each had the maximal length.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from loadtests.memory.loading import NLLB
from loadtests.sharded import write_shards
from model.engine.cache.kv_cache import KVCache
from model.engine.config import EngineConfig
from model.engine.engine import Engine
from model.engine.params import GenerationParams
from model.load import LoadedModel, load_model
from model.tokenizer.prompt import Prompt, Translation

_VOCAB_SIZE = 16_384
_REAL, _MAXIMAL = "real lengths", "rows of maximal length"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Measurements of one run.

    Attributes:
        admission: By what requests were admitted.
        rows: The most hypotheses that ran together.
        mean_rows: Hypotheses of a step, on average.
        tokens_per_s: Generated tokens of all hypotheses, encoding included.
        num_preempted: Times that a request was put back for lack of memory.
    """

    admission: str
    rows: int
    mean_rows: float
    tokens_per_s: float
    num_preempted: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the network, run all requests in both ways in turns, print and return the exit code."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    shape = replace(NLLB, num_layers=options.layers, vocab_size=_VOCAB_SIZE)
    with tempfile.TemporaryDirectory(prefix="dragoman-admission-") as name:
        write_shards(shape, Path(name), dtype=torch.bfloat16)
        loaded = load_model(Path(name), dtype=options.dtype, device="cpu")
    real = EngineConfig(
        max_source_tokens=options.max_tokens,
        max_target_tokens=options.max_tokens,
        max_rows=options.max_rows,
        kv_cache_bytes=int(options.gib * (1 << 30)) * options.layers // NLLB.num_layers,
    )
    bytes_per_token = KVCache.bytes_per_token(loaded.config, loaded.cache_dtype)
    maximal = replace(real, max_rows=real.num_rows(bytes_per_token=bytes_per_token))
    runs = [
        _run(loaded, config, options, admission=admission)
        for _ in range(options.repeats)
        for admission, config in ((_MAXIMAL, maximal), (_REAL, real))
    ]
    best = [
        max((run for run in runs if run.admission == admission), key=lambda run: run.tokens_per_s)
        for admission in (_MAXIMAL, _REAL)
    ]
    _render(best, Console())
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(run) for run in best], indent=2) + "\n")
    return 0


def _run(
    loaded: LoadedModel, config: EngineConfig, options: argparse.Namespace, *, admission: str
) -> Found:
    engine = Engine(loaded.network, loaded.rules, config, cache_dtype=loaded.cache_dtype)
    params = GenerationParams(max_new_tokens=options.tokens, num_beams=options.beams)
    prompt = _prompt(loaded, options.tokens)
    for number in range(options.requests):
        engine.add_request(str(number), prompt, params)
    most = num_rows = num_steps = num_tokens = 0
    start = time.perf_counter()
    while engine.has_work:
        outputs = engine.step()
        stats = engine.stats()
        most = max(most, stats.num_decoded)
        num_rows += stats.num_decoded * stats.num_steps
        num_steps += stats.num_steps
        ended = [output.hypotheses[0] for output in outputs if output.hypotheses]
        num_tokens += options.beams * sum(hypothesis.num_generated for hypothesis in ended)
    seconds = time.perf_counter() - start
    return Found(
        admission=admission,
        rows=most,
        mean_rows=num_rows / num_steps,
        tokens_per_s=num_tokens / seconds,
        num_preempted=engine.stats().num_preempted,
    )


def _prompt(loaded: LoadedModel, num_tokens: int) -> Prompt:
    """Return a prompt whose source has `num_tokens`."""
    prompt = loaded.prompt("", Translation("de", "en"))
    ids = [5 + number for number in range(num_tokens - len(prompt.encoder_ids))]
    return replace(prompt, encoder_ids=(*ids, *prompt.encoder_ids))


def _render(runs: Sequence[Found], console: Console) -> None:
    table = Table(title="Requests in flight")
    columns = ("admission by", "rows at most", "on average", "tokens/s", "put back")
    for column in columns:
        table.add_column(column, justify="right")
    for run in runs:
        numbers = (f"{run.mean_rows:.1f}", f"{run.tokens_per_s:.0f}", str(run.num_preempted))
        table.add_row(run.admission, str(run.rows), *numbers)
    console.print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.admission",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--gib", type=float, default=2.0, help="cache of the whole network")
    parser.add_argument("--layers", type=int, default=2, help=f"of {NLLB.num_layers}, each side")
    parser.add_argument("--max-tokens", type=int, default=1024, help="of a source, of an output")
    parser.add_argument("--max-rows", type=int, default=128)
    parser.add_argument("--requests", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=40, help="read and written by a request")
    parser.add_argument("--beams", type=int, default=1)
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "int8"), default="bfloat16")
    parser.add_argument("--repeats", type=int, default=2, help="runs of each, of which the best")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="also write the table to this file")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
