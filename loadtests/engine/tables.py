"""Prints the report as tables."""

from rich.console import Console
from rich.table import Table

from loadtests.engine.capacity import Capacity, Probe
from loadtests.engine.contenders import OURS
from loadtests.engine.report import PEERS, Report, Row
from loadtests.engine.run import Found
from loadtests.engine.turns import Spread


def render(report: Report, console: Console) -> None:
    """Print the speeds of every contender, the ratios, the served loads and the machine."""
    for found in report.found:
        console.print(_speeds(found))
    console.print(_ratios(report))
    for found in report.found:
        for beams, capacity in found.served.items():
            console.print(_served(found.scenario.model, beams, capacity))
    machine = report.machine
    flops = ", ".join(f"{dtype} {rate / 1e12:.2f}" for dtype, rate in machine.flops_per_s.items())
    console.print(
        f"{machine.name}, {report.place.num_threads} threads: reads {machine.bytes_per_s / 1e9:.1f}"
        f" GB/s from memory and {machine.cached_bytes_per_s / 1e9:.1f} from the cache; products in"
        f" TFLOP/s: {flops}.",
        highlight=False,
    )


def _speeds(found: Found) -> Table:
    table = Table(title=f"{found.scenario.model}: new tokens a second, median of the rounds")
    table.add_column("contender", no_wrap=True)
    workloads = found.workloads()
    for workload in workloads:
        table.add_column(_title(workload.batch, workload.num_beams), justify="right")
    table.add_column("peak memory, GB", justify="right")
    for name in dict.fromkeys(timing.contender for timing in found.timings):
        speeds = [
            f"{timing.tokens_per_s.median:,.0f}"
            for workload in workloads
            for timing in found.at(workload)
            if timing.contender == name
        ]
        table.add_row(name, *speeds, f"{found.memory[name].running_bytes / 1e9:.2f}")
    return table


def _ratios(report: Report) -> Table:
    table = Table(title="Our best type over each library's best, in each round: median (range)")
    for column in ("model", "load", "ours", "tokens/s", *PEERS, "of the limit"):
        table.add_column(column, justify="left" if column in ("model", "load") else "right")
    for row in report.rows():
        table.add_row(
            row.model,
            _title(row.batch, row.beams),
            (row.ours or "-").removeprefix(f"{OURS} "),
            _number(row.ours_tokens_per_s, digits=0),
            *(_spread(row, library) for library in PEERS),
            _number(row.of_limit, digits=2),
        )
    return table


def _served(model: str, beams: int, capacity: Capacity) -> Table:
    bound_ms = capacity.bound_s * 1e3
    search = f", {beams} beams" if beams > 1 else ""
    table = Table(
        title=f"{model}, served{search}: the highest rate with p95 under {bound_ms:.0f} ms"
    )
    columns = ("contender", "requests/s", "tokens/s", "p50 ms", "p95 ms", "p99 ms")
    for column in (*columns, "first p50", "first p95", "alone p95"):
        table.add_column(column, justify="left" if column == "contender" else "right")
    for name, unloaded in capacity.unloaded_s.items():
        table.add_row(name, *_at_best(capacity.best(name)), f"{unloaded['p95'] * 1e3:.0f}")
    return table


def _at_best(probe: Probe | None) -> list[str]:
    if probe is None:
        return ["-"] * 7
    times = [*probe.latency_s.values()]
    times += [probe.time_to_first_token_s[key] for key in ("p50", "p95")]
    rates = [f"{probe.requests_per_s:,.1f}", f"{probe.tokens_per_s:,.0f}"]
    return rates + [f"{seconds * 1e3:.0f}" for seconds in times]


def _spread(row: Row, library: str) -> str:
    spread: Spread | None = row.ratios.get(library)
    if spread is None:
        return "-"
    if spread.low == spread.high:
        return f"{spread.median:.2f}"
    return f"{spread.median:.2f} ({spread.low:.2f}-{spread.high:.2f})"


def _number(value: float | None, *, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _title(batch: int | None, beams: int) -> str:
    load = "served" if batch is None else f"batch {batch}"
    return load + (f", {beams} beams" if beams > 1 else "")
