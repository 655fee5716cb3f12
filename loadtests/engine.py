"""Times our engine beside CTranslate2 and transformers: `python -m loadtests.engine`."""

import argparse
import importlib.util
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress

from loadtests.checkpoint import Shape, make_checkpoint
from loadtests.contenders import Contender, CTranslate2, Dragoman, Transformers, Workload
from loadtests.isolation import Isolated
from loadtests.measurement import make_workload, measure, read_bandwidth
from loadtests.report import Report, render, to_json

CACHE = Path(tempfile.gettempdir()) / "dragoman-benchmark"
ALL_CONTENDERS = (
    "dragoman-float32",
    "dragoman-bfloat16",
    "dragoman-int8",
    "ctranslate2-float32",
    "ctranslate2-int8",
    "transformers-float32",
    "transformers-bfloat16",
)
_PACKAGES = {"ctranslate2": "ctranslate2", "transformers": "transformers"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures what the arguments ask for, prints it, and returns the exit code."""
    options = _parser().parse_args(arguments)
    console = Console()
    progress_console = Console(stderr=True)
    torch.set_num_threads(options.threads)
    shape = Shape(**{field.name: getattr(options, field.name) for field in fields(Shape)})
    checkpoint = make_checkpoint(shape, options.cache)
    workloads = _workloads(shape, options)
    contenders = list(_contenders(options, checkpoint, shape, console=progress_console))
    with Progress(console=progress_console, transient=True) as progress:
        turns = len(workloads) * len(contenders) * (options.rounds + 1)
        task = progress.add_task("measuring", total=turns)
        timings = measure(
            contenders,
            workloads,
            num_rounds=options.rounds,
            on_turn=lambda: progress.advance(task),
        )
    for contender in contenders:
        contender.close()
    report = Report(
        shape=shape, num_threads=options.threads, bandwidth=read_bandwidth(), timings=timings
    )
    render(report, console)
    if options.json is not None:
        options.json.write_text(json.dumps(to_json(report), indent=2) + "\n")
    return 0


def _workloads(shape: Shape, options: argparse.Namespace) -> list[Workload]:
    return [
        make_workload(
            shape,
            num_sources=batch,
            source_tokens=tuple(options.source_tokens),
            num_new_tokens=options.new_tokens,
            num_beams=num_beams,
        )
        for num_beams in options.num_beams
        for batch in options.batch
    ]


def _contenders(
    options: argparse.Namespace, checkpoint: Path, shape: Shape, *, console: Console
) -> Iterator[Isolated]:
    """Loads those whose packages are there, and says which are not."""
    max_rows = max(options.batch) * max(options.num_beams)
    makers: dict[str, Callable[..., Contender]] = {
        "dragoman": partial(Dragoman, checkpoint, max_rows=max_rows),
        "ctranslate2": partial(CTranslate2, checkpoint, num_threads=options.threads),
        "transformers": partial(Transformers, checkpoint, shape=shape),
    }
    for name in options.contenders:
        library, _, dtype = name.partition("-")
        package = _PACKAGES.get(library)
        if package is not None and importlib.util.find_spec(package) is None:
            console.print(f"{name} is left out: {package} is not installed")
        else:
            make = partial(makers[library], dtype=dtype)
            yield Isolated(make, num_threads=options.threads)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.engine",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8, 32], help="batch sizes")
    parser.add_argument("--num-beams", type=int, nargs="+", default=[1], help="beams; 1 is greedy")
    parser.add_argument("--rounds", type=int, default=5, help="times each is measured")
    parser.add_argument(
        "--source-tokens", type=int, nargs=2, default=[20, 40], help="least and most, per source"
    )
    parser.add_argument("--new-tokens", type=int, default=32, help="decoded tokens, for everybody")
    parser.add_argument("--threads", type=int, default=_num_cores(), help="for each contender")
    parser.add_argument(
        "--contenders",
        nargs="+",
        choices=ALL_CONTENDERS,
        default=ALL_CONTENDERS,
        metavar="NAME",
        help="which to run; a benchmark of one is no comparison",
    )
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of made checkpoints")
    parser.add_argument("--json", type=Path, help="also write everything to this file")
    group = parser.add_argument_group("shape of the model", "the default is OPUS-MT's base model")
    for field in fields(Shape):
        group.add_argument(f"--{field.name.replace('_', '-')}", type=int, default=field.default)
    return parser


def _num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    raise SystemExit(main())
