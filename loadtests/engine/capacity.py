"""Finds the most requests per second that a contender serves within a bound on p95 latency.

Each load is Poisson arrivals of real sentences at some rate. All contenders search side
by side, a load each in turn, for the highest rate at which the 95th percentile of latency stays
under one bound: that of CTranslate2's latencies without any load, times `PATIENCE`.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from loadtests.engine.isolation import Timed
from loadtests.engine.serving import Served
from loadtests.engine.turns import SETTLE_S
from loadtests.engine.workload import Load, Workload

# A request may take as long as one that is alone, plus twice that for waiting and for its batch.
PATIENCE = 3.0
_GROWTH = 1.6  # between rates, until one is too high
_TRIES = 2  # a rate is too high when all of them fail: other work on the machine can fail one
_CLOSED = 1.08  # a gap between rates that is not worth halving


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value with at least this share at or below: 2 of 1, 2, 3, 4 at 0.5."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """The result of one contender under one load."""

    contender: str
    offered_per_s: float
    requests_per_s: float
    tokens_per_s: float
    latency_s: dict[str, float]  # p50, p95, p99
    time_to_first_token_s: dict[str, float]

    @classmethod
    def of(cls, contender: str, offered_per_s: float, served: Sequence[Served]) -> "Probe":
        seconds = max(request.done_s for request in served) - served[0].arrival_s
        return cls(
            contender=contender,
            offered_per_s=offered_per_s,
            requests_per_s=len(served) / seconds,
            tokens_per_s=sum(request.num_tokens for request in served) / seconds,
            latency_s=_percentiles([request.latency_s for request in served]),
            time_to_first_token_s=_percentiles([r.time_to_first_token_s for r in served]),
        )


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    return {f"p{share}": percentile(values, share / 100) for share in (50, 95, 99)}


@dataclass(slots=True)
class RateSearch:
    """Search for the highest rate that holds: it grows until one does not, then halves the gap.

    The gap is halved in ratios: between 100, which held, and 160, which did not, comes 126. Once
    the gap is small the rate grows again, as a busy moment of the machine may have made the higher
    one fail.
    """

    start: float
    held: float | None = None
    failed: float | None = None

    def next_rate(self) -> float:
        if self.held is None:
            return self.start if self.failed is None else self.failed / _GROWTH
        if self.failed is None or self.failed < _CLOSED * self.held:
            return self.held * _GROWTH
        return math.sqrt(self.held * self.failed)

    def observe(self, rate: float, *, holds: bool) -> None:
        if holds:
            self.held = rate
            if self.failed is not None and self.failed <= rate:
                self.failed = None
        else:
            self.failed = rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """The search of all contenders: every probe, in order."""

    bound_s: float
    unloaded_s: dict[str, dict[str, float]]  # by contender: percentiles of latency, one at a time
    probes: list[Probe] = field(default_factory=list)

    def best(self, contender: str) -> Probe | None:
        """Return the probe of the highest rate that the contender held; None if it held none."""
        holding = [p for p in self.probes if p.contender == contender and self.holds(p)]
        return max(holding, key=lambda probe: probe.requests_per_s, default=None)

    def holds(self, probe: Probe) -> bool:
        return probe.latency_s["p95"] <= self.bound_s


def find_capacity(
    contenders: Sequence[Timed],
    alone: Sequence[Workload],
    *,
    make_load: Callable[[float], Load],
    num_probes: int,
    budget_s: float = math.inf,
    settle_s: float = SETTLE_S,
) -> Capacity:
    """Measure all contenders without load, then search for the rates, a load each in turn.

    Args:
        contenders: One of each library; CTranslate2's sets the bound, the first's without it.
        alone: Batches of one.
        make_load: The load of a rate.
        num_probes: Rates that each contender tries.
        budget_s: Seconds after which no further rate is tried.
        settle_s: Pause between two loads.
    """
    end_s = time.perf_counter() + budget_s
    unloaded: dict[str, list[float]] = {}
    for contender in contenders:
        time.sleep(settle_s)
        contender.generate(alone[0])
        unloaded[contender.name] = [contender.generate(one).seconds for one in alone]
    judge = next((c.name for c in contenders if c.name.startswith("CTranslate2")), None)
    measure = unloaded[judge or contenders[0].name]
    capacity = Capacity(
        bound_s=PATIENCE * percentile(measure, 0.95),
        unloaded_s={name: _percentiles(seconds) for name, seconds in unloaded.items()},
    )
    searches = {
        name: RateSearch(start=len(seconds) / sum(seconds)) for name, seconds in unloaded.items()
    }
    for _ in range(num_probes):
        if time.perf_counter() > end_s:
            break
        for contender in contenders:
            search = searches[contender.name]
            rate = search.next_rate()
            for _ in range(_TRIES):
                time.sleep(settle_s)
                probe = Probe.of(contender.name, rate, contender.serve(make_load(rate)))
                capacity.probes.append(probe)
                if capacity.holds(probe):
                    break
            search.observe(rate, holds=capacity.holds(capacity.probes[-1]))
    return capacity
