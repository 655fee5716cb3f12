"""The benchmark's options, and the plan that they select."""

import argparse
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from loadtests.engine.plan import (
    BUNDLED,
    CPU_CONTENDERS,
    GPU_CONTENDERS,
    NETWORKS,
    Scenario,
    cells,
    full_plan,
    gpu_plan,
    quick_plan,
)

CACHE = Path(tempfile.gettempdir()) / "dragoman-benchmark"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.engine",
        description="Times our engine beside CTranslate2, transformers and the machine's limit.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="a few minutes: fewer cells, rounds and types")
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add("--threads", type=int, default=_num_cores(), help="and cores, of each contender")
    add("--rounds", type=int, help="times that each is measured")
    models = (*NETWORKS, BUNDLED)
    add("--models", nargs="+", choices=models, metavar="NAME", help=f"of {', '.join(models)}")
    add("--batch", type=int, nargs="+", help="batch sizes, instead of the plan's")
    add("--beams", type=int, nargs="+", help="beams, instead of the plan's; 1 is greedy")
    add("--new-tokens", type=int, help="of each output; of the bundled model, the most")
    contenders = tuple(dict.fromkeys(CPU_CONTENDERS + GPU_CONTENDERS))
    add("--contenders", nargs="+", choices=contenders, metavar="NAME", help=", ".join(contenders))
    add("--load", nargs="+", choices=("offline", "served"), default=["offline", "served"])
    add("--served-beams", type=int, nargs="+", help="serve every model, with these beams")
    add("--load-s", type=float, help="seconds of each served load")
    add("--cache", type=Path, default=CACHE, help="folder of made checkpoints")
    add("--json", type=Path, metavar="FILE", help="also write everything there")
    add("--plot", type=Path, metavar="FILE", help="also draw it there, as PNG")
    return parser.parse_args(arguments)


def plan(options: argparse.Namespace) -> list[Scenario]:
    """Return the plan, changed by the options."""
    if options.device == "cuda":
        scenarios = gpu_plan()
    else:
        scenarios = quick_plan() if options.quick else full_plan()
    chosen = options.models or [scenario.model for scenario in scenarios]
    planned = {scenario.model: scenario for scenario in full_plan() + gpu_plan()[-1:] + scenarios}
    return [_adapted(planned[model], options) for model in chosen]


def _adapted(scenario: Scenario, options: argparse.Namespace) -> Scenario:
    changes: dict[str, Any] = {
        "num_rounds": options.rounds,
        "new_tokens": options.new_tokens,
        "contenders": tuple(options.contenders) if options.contenders else None,
        "load_s": options.load_s,
        "served_beams": tuple(options.served_beams) if options.served_beams else None,
    }
    if options.batch or options.beams:
        batches = options.batch or list(dict.fromkeys(batch for batch, _ in scenario.cells))
        beams = options.beams or list(dict.fromkeys(beams for _, beams in scenario.cells))
        changes["cells"] = cells(batches, beams)
    scenario = replace(scenario, **{key: value for key, value in changes.items() if value})
    if "served" not in options.load:
        scenario = replace(scenario, served_beams=())
    return scenario


def _num_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
