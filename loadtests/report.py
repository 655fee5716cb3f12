"""The benchmark's result as tables for people and as one JSON object for programs."""

import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from loadtests.checkpoint import Shape
from loadtests.contenders import Workload
from loadtests.measurement import Spread, Timing, best, ratios

OURS = "Dragoman"
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "int8": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that one run measured, and on what."""

    shape: Shape
    num_threads: int
    bandwidth: float  # bytes a second
    timings: list[Timing]

    def workloads(self) -> list[Workload]:
        return list(dict.fromkeys(timing.workload for timing in self.timings))

    def at(self, workload: Workload) -> list[Timing]:
        return [timing for timing in self.timings if timing.workload == workload]

    def against(self, workload: Workload, library: str) -> Spread | None:
        """Our fastest over that library's fastest; None where one of them did not run."""
        ours, theirs = (
            [t for t in self.at(workload) if t.contender.startswith(name)]
            for name in (OURS, library)
        )
        return ratios(best(ours), best(theirs)) if ours and theirs else None

    def over_limit(self, timing: Timing) -> float:
        """Seconds a token position took, over those that reading the step's weights once takes.

        The encoding of the sources is in the time, the cache and activations are not in the limit.
        """
        width = _BYTES[timing.contender.split()[-1]]
        limit = self.shape.step_parameters * width / self.bandwidth
        step = timing.workload.num_tokens / len(timing.workload.sources)
        return Spread.of(timing.seconds).median / step / limit


def render(report: Report, console: Console) -> None:
    """Prints the speeds, then the ratios."""
    speeds = Table(title=f"New tokens a second; {machine()}, {report.num_threads} threads")
    speeds.add_column("contender")
    for workload in report.workloads():
        speeds.add_column(_title(workload), justify="right")
    for name in dict.fromkeys(timing.contender for timing in report.timings):
        cells = [
            _cell(timing.tokens_per_s, digits=0)
            for workload in report.workloads()
            for timing in report.at(workload)
            if timing.contender == name
        ]
        speeds.add_row(name, *cells)
    console.print(speeds, _ratio_table(report))
    console.print(
        f"Memory is read at {report.bandwidth / 1e9:.1f} GB/s; a step reads"
        f" {report.shape.step_parameters / 1e6:.1f} million weights once."
    )


def _ratio_table(report: Report) -> Table:
    table = Table(title="Ratios, compared within each round: median (least to most)")
    table.add_column("")
    for workload in report.workloads():
        table.add_column(_title(workload), justify="right")
    for library in ("CTranslate2", "transformers"):
        spreads = [report.against(workload, library) for workload in report.workloads()]
        cells = ["-" if spread is None else _cell(spread, digits=2) for spread in spreads]
        table.add_row(f"{OURS} / best {library}", *cells)
    limits = []
    for workload in report.workloads():
        ours = [t for t in report.at(workload) if t.contender.startswith(OURS)]
        limits.append(f"{report.over_limit(best(ours)):.2f}" if ours else "-")
    table.add_row(f"{OURS}'s time / reading its weights", *limits)
    return table


def to_json(report: Report) -> dict[str, Any]:
    """Everything in the tables, and every single time."""
    results = [
        {
            "contender": timing.contender,
            "batch": len(timing.workload.sources),
            "num_beams": timing.workload.num_beams,
            "num_new_tokens": timing.workload.num_new_tokens,
            "seconds": timing.seconds,
            "tokens_per_s": asdict(timing.tokens_per_s),
            "time_over_memory_limit": report.over_limit(timing),
        }
        for timing in report.timings
    ]
    against = [
        {
            "batch": len(workload.sources),
            "num_beams": workload.num_beams,
            "library": library,
            "ratio": asdict(spread),
        }
        for workload in report.workloads()
        for library in ("CTranslate2", "transformers")
        if (spread := report.against(workload, library)) is not None
    ]
    return {
        "machine": machine(),
        "num_threads": report.num_threads,
        "read_bandwidth_bytes_per_s": report.bandwidth,
        "shape": asdict(report.shape),
        "results": results,
        "ratios": against,
    }


def machine() -> str:
    """The processor, in words."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _title(workload: Workload) -> str:
    beams = f", {workload.num_beams} beams" if workload.num_beams > 1 else ""
    return f"batch {len(workload.sources)}{beams}"


def _cell(spread: Spread, *, digits: int) -> str:
    median, low, high = (f"{x:,.{digits}f}" for x in (spread.median, spread.low, spread.high))
    return f"{median} ({low} to {high})"
