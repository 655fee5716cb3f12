"""The benchmark's command: `python -m loadtests.engine`."""

import importlib.util
import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from rich.console import Console

from loadtests.engine.isolation import Place, apart
from loadtests.engine.machine import measure_machine
from loadtests.engine.options import parse, plan
from loadtests.engine.report import Report
from loadtests.engine.run import Found, ScenarioRunner
from loadtests.engine.tables import render


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the plan that the arguments select, print it, and return the exit code."""
    start = time.perf_counter()
    options = parse(arguments)
    console, progress = Console(), Console(stderr=True)
    if options.device == "cuda" and not torch.cuda.is_available():
        progress.print("this machine has no GPU that PyTorch can use")
        return 2
    place = Place(device=options.device, num_threads=options.threads)
    measure = partial(measure_machine, options.device)
    before = apart(measure, place=place)
    with progress.status("starting") as status:

        def say(line: str) -> None:
            status.update(line)
            elapsed_s = time.perf_counter() - start
            progress.print(f"{elapsed_s:5.0f} s  {line}", style="dim", highlight=False)

        runner = ScenarioRunner(place=place, cache=options.cache, say=say)
        found: list[Found] = []
        for scenario in plan(options):
            found.append(runner.run(scenario))
            # The full plan takes hours: a stopped run keeps its results so far.
            _write(Report(machine=before, place=place, found=found), options.json)
    machine = before.or_better(apart(measure, place=place))
    report = Report(machine=machine, place=place, found=found)
    render(report, console)
    _write(report, options.json)
    if options.plot is not None and importlib.util.find_spec("matplotlib") is None:
        progress.print("the plot is left out: matplotlib is not installed")
    elif options.plot is not None:
        from loadtests.engine.plot import draw  # noqa: PLC0415 - loading it takes a second

        draw(report, options.plot)
    return 0


def _write(report: Report, file: Path | None) -> None:
    if file is not None:
        file.write_text(json.dumps(report.to_json(), indent=2) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
