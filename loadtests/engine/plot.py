"""Draws the report as one picture: speeds under the machine's limit, and latency under load."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from PIL import Image

from loadtests.engine.capacity import Capacity
from loadtests.engine.contenders import OURS
from loadtests.engine.report import Report
from loadtests.engine.run import Found
from loadtests.engine.turns import Timing, best, library_of

_COLORS = {OURS: "#c2410c", "CTranslate2": "#1d4ed8", "transformers": "#7a7f87"}
_MARKERS = {OURS: "o", "CTranslate2": "s", "transformers": "^"}
_LIMIT = "#111827"
_DASHED = (0, (5, 2))
_STYLE: dict[Any, Any] = {
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9ca3af",
    "axes.grid": True,
    "grid.color": "#e5e7eb",
    "xtick.color": "#4b5563",
    "ytick.color": "#4b5563",
}
_PANEL_INCHES = (3.5, 3.0)
_MAX_COLUMNS = 4
_NARROW = 2  # panels beside each other; the legend needs more for one line
_DPI = 110
_NUM_COLORS = 64


def draw(report: Report, path: Path) -> None:
    """Write a PNG: a panel for each network and number of beams, and one for each served load."""
    batches = list(_offline_panels(report))
    served = [
        (found.scenario.model, beams, capacity)
        for found in report.found
        for beams, capacity in found.served.items()
    ]
    num_panels = len(batches) + len(served)
    num_columns = min(_MAX_COLUMNS, num_panels)
    num_rows = -(-num_panels // num_columns)
    with mpl.rc_context(_STYLE):
        width, height = _PANEL_INCHES
        figure = Figure(
            figsize=(max(2, num_columns) * width, num_rows * height + 0.9), layout="constrained"
        )
        panels = list(figure.subplots(num_rows, num_columns, squeeze=False).flat)
        for axes, (found, beams) in zip(panels, batches, strict=False):
            _draw_speeds(axes, report, found, num_beams=beams)
        rest = panels[len(batches) :]
        for axes, (model, beams, capacity) in zip(rest, served, strict=False):
            _draw_served(axes, capacity, title=_title(model, beams))
        for axes in rest[len(served) :]:
            axes.set_axis_off()
        _draw_legend(figure, report, num_columns=4 if num_columns > _NARROW else 2)
        figure.savefig(path, dpi=_DPI, format="png")
    with Image.open(path) as image:  # a few colours: a quarter of the bytes
        image.convert("RGB").quantize(_NUM_COLORS, dither=Image.Dither.NONE).save(
            path, "PNG", optimize=True
        )


def _offline_panels(report: Report) -> Iterator[tuple[Found, int]]:
    for found in report.found:
        for beams in dict.fromkeys(workload.num_beams for workload in found.workloads()):
            yield found, beams


def _draw_speeds(axes: Axes, report: Report, found: Found, *, num_beams: int) -> None:
    """Draw each library's best type by batch, and the limit of our best type."""
    workloads = [w for w in found.workloads() if w.num_beams == num_beams]
    workloads.sort(key=lambda workload: workload.batch)
    for library in _COLORS:
        fastest = [_best(found.at(workload), library) for workload in workloads]
        points = [(x, t.tokens_per_s.median) for x, t in enumerate(fastest) if t is not None]
        _draw_line(axes, library, points)
        if library == OURS:
            limits = [
                (x, limit, timing.tokens_per_s.median / limit)
                for x, timing in enumerate(fastest)
                if timing is not None
                and (limit := report.limit_tokens_per_s(found, timing)) is not None
            ]
            _draw_limit(axes, limits)
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(low / 1.15, high * 1.25)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(-0.4, len(workloads) - 0.6)
    axes.set_xticks(range(len(workloads)), [str(workload.batch) for workload in workloads])
    axes.set_title(_title(found.scenario.model, num_beams))
    axes.set_xlabel("batch")
    axes.set_ylabel("new tokens a second")


def _draw_line(axes: Axes, library: str, points: Sequence[tuple[float, float]]) -> None:
    axes.plot(
        [x for x, _ in points],
        [y for _, y in points],
        color=_COLORS[library],
        marker=_MARKERS[library],
        markersize=5,
        linewidth=2.4 if library == OURS else 1.5,
        zorder=3 if library == OURS else 2,
    )


def _draw_limit(axes: Axes, limits: list[tuple[int, float, float]]) -> None:
    """Draw the limit, a line over the batches or a dash over one, with our share as text."""
    edges: list[tuple[float, float]] = [(x, limit) for x, limit, _ in limits]
    if len(edges) == 1:
        edges = [(x + side, limit) for x, limit in edges for side in (-0.2, 0.2)]
    xs, heights = [x for x, _ in edges], [height for _, height in edges]
    axes.plot(xs, heights, color=_LIMIT, linestyle=_DASHED, linewidth=1.3)
    for x, limit, share in limits:
        axes.annotate(
            f"{share:.0%}",
            (x, limit),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=8.5,
            color=_COLORS[OURS],
        )


def _draw_served(axes: Axes, capacity: Capacity, *, title: str) -> None:
    """Draw p95 by offered rate; a contender's capacity is where its line crosses the bound."""
    bound_ms = capacity.bound_s * 1e3
    for name in capacity.unloaded_s:
        points: dict[float, float] = {}
        for probe in capacity.probes:  # the better one of two tries at a rate
            if probe.contender == name:
                p95_ms = probe.latency_s["p95"] * 1e3
                rate = probe.offered_per_s
                points[rate] = min(p95_ms, points.get(rate, p95_ms))
        library = library_of(name)
        _draw_line(axes, library, sorted(points.items()))
        held = capacity.best(name)
        if held is not None:
            axes.vlines(held.offered_per_s, 0, bound_ms, color=_COLORS[library], lw=0.9, ls=":")
            axes.annotate(
                f"{held.requests_per_s:.0f}/s",
                (held.offered_per_s, 0),
                xytext=(3, 4),
                textcoords="offset points",
                fontsize=8.5,
                color=_COLORS[library],
            )
    axes.axhline(bound_ms, color=_LIMIT, lw=1, ls=(0, (1, 1.5)))
    axes.annotate(
        f"bound {bound_ms:.0f} ms",
        (0.02, bound_ms),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        color=_LIMIT,
        fontsize=8.5,
    )
    axes.set_ylim(0, bound_ms * 2.2)
    axes.set_xlim(left=0)
    axes.set_title(f"{title}, served")
    axes.set_xlabel("offered requests/s")
    axes.set_ylabel("p95 latency, ms")


def _draw_legend(figure: Figure, report: Report, *, num_columns: int) -> None:
    handles = [
        Line2D([], [], color=color, marker=_MARKERS[library], markersize=5, label=library)
        for library, color in _COLORS.items()
    ]
    label = "this machine's limit, and our share of it"
    handles.append(Line2D([], [], color=_LIMIT, linestyle=_DASHED, linewidth=1.3, label=label))
    figure.legend(handles=handles, loc="outside upper left", ncols=num_columns, frameon=False)
    figure.supxlabel(
        f"{report.machine.name}, {report.place.num_threads} threads; of each library its best type",
        fontsize=8.5,
        color="#6b7280",
        x=0.99,
        ha="right",
    )


def _best(timings: list[Timing], library: str) -> Timing | None:
    own = [timing for timing in timings if library_of(timing.contender) == library]
    return best(own) if own else None


def _title(model: str, beams: int) -> str:
    return f"{model}, {'greedy' if beams == 1 else f'{beams} beams'}"
