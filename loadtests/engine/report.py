"""The results of one run, the rows computed from them, and their JSON object."""

from dataclasses import asdict, dataclass
from typing import Any

from loadtests.engine.capacity import Capacity, Probe
from loadtests.engine.contenders import OURS
from loadtests.engine.isolation import Place
from loadtests.engine.limit import BYTES, Work, limit_s
from loadtests.engine.machine import Machine
from loadtests.engine.run import Found
from loadtests.engine.turns import Spread, Timing, best, dtype_of, library_of, ratios
from loadtests.engine.workload import Workload

PEERS = ("CTranslate2", "transformers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One network at one load: our best type, the best of each other library, and the limit.

    Attributes:
        model: The network.
        batch: The size of a static batch; None for a served load.
        beams: 1 is greedy.
        ours: Our fastest type, None if it did not run.
        ours_tokens_per_s: Its speed; of a served load, that of the highest rate within the bound.
        peers: Tokens per second of every other contender that ran.
        ratios: Our speed over each library's best; spreads over rounds for static batches.
        limit_tokens_per_s: The machine's limit in our type; None for a served load.
    """

    model: str
    batch: int | None
    beams: int
    ours: str | None
    ours_tokens_per_s: float | None
    peers: dict[str, float | None]
    ratios: dict[str, Spread]
    limit_tokens_per_s: float | None

    @property
    def of_limit(self) -> float | None:
        """Our speed over the limit: 1 is the most that this machine can do."""
        if self.limit_tokens_per_s is None or self.ours_tokens_per_s is None:
            return None
        return self.ours_tokens_per_s / self.limit_tokens_per_s

    def ratio(self, library: str) -> float | None:
        spread = self.ratios.get(library)
        return None if spread is None else spread.median

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "batch": self.batch,
            "beams": self.beams,
            "load": "served" if self.batch is None else "offline",
            "ours": self.ours,
            "ours_tokens_per_s": self.ours_tokens_per_s,
            "peers": self.peers,
            "vs_ctranslate2": self.ratio("CTranslate2"),
            "vs_transformers": self.ratio("transformers"),
            "of_roofline": self.of_limit,
            "limit_tokens_per_s": self.limit_tokens_per_s,
            "spread": {name: asdict(spread) for name, spread in self.ratios.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run, on one machine."""

    machine: Machine
    place: Place
    found: list[Found]

    def rows(self) -> list[Row]:
        """Return the rows: static batches in the order of measurement, then served loads."""
        offline = [self._offline(f, workload) for f in self.found for workload in f.workloads()]
        served = [
            _served(f.scenario.model, beams, capacity)
            for f in self.found
            for beams, capacity in f.served.items()
        ]
        return offline + served

    def limit_tokens_per_s(self, found: Found, timing: Timing) -> float | None:
        """Return tokens per second at the limit of a contender's type; None if not measured."""
        dtype = dtype_of(timing.contender)
        if dtype not in self.machine.flops_per_s:
            return None
        work = Work(
            source_tokens=timing.workload.source_tokens,
            num_steps=timing.num_steps,
            num_beams=timing.workload.num_beams,
        )
        seconds = limit_s(
            found.network,
            work,
            self.machine.rates(dtype),
            weight_bytes=BYTES[dtype],
            cache_bytes=timing.cache_bytes,
        )
        return sum(timing.output_tokens) / seconds

    def to_json(self) -> dict[str, Any]:
        """Return the rows, and every measurement behind them."""
        return {
            "machine": asdict(self.machine),
            "device": self.place.device,
            "threads": self.place.num_threads,
            "rows": [row.to_json() for row in self.rows()],
            "batches": [self._batch(f, timing) for f in self.found for timing in f.timings],
            "served": [
                _capacity(f.scenario.model, beams, capacity)
                for f in self.found
                for beams, capacity in f.served.items()
            ],
            "memory": [
                {"model": f.scenario.model, "contender": name, **asdict(memory)}
                for f in self.found
                for name, memory in f.memory.items()
            ],
        }

    def _offline(self, found: Found, workload: Workload) -> Row:
        timings = found.at(workload)
        ours = _best_of(timings, OURS)
        theirs = {library: _best_of(timings, library) for library in PEERS}
        return Row(
            model=found.scenario.model,
            batch=workload.batch,
            beams=workload.num_beams,
            ours=ours.contender if ours else None,
            ours_tokens_per_s=ours.tokens_per_s.median if ours else None,
            peers={
                t.contender: t.tokens_per_s.median
                for t in timings
                if library_of(t.contender) != OURS
            },
            ratios={name: ratios(ours, peer) for name, peer in theirs.items() if ours and peer},
            limit_tokens_per_s=self.limit_tokens_per_s(found, ours) if ours else None,
        )

    def _batch(self, found: Found, timing: Timing) -> dict[str, Any]:
        return {
            "model": found.scenario.model,
            "batch": timing.workload.batch,
            "beams": timing.workload.num_beams,
            "contender": timing.contender,
            "seconds": timing.seconds,
            "output_tokens": sum(timing.output_tokens),
            "tokens_per_s": asdict(timing.tokens_per_s),
            "limit_tokens_per_s": self.limit_tokens_per_s(found, timing),
        }


def _best_of(timings: list[Timing], library: str) -> Timing | None:
    own = [timing for timing in timings if library_of(timing.contender) == library]
    return best(own) if own else None


def _served(model: str, beams: int, capacity: Capacity) -> Row:
    names = list(capacity.unloaded_s)
    probes = {name: capacity.best(name) for name in names}
    speeds = {name: probe.tokens_per_s if probe else None for name, probe in probes.items()}
    ours = next((name for name in names if library_of(name) == OURS), None)
    speed = speeds.get(ours) if ours else None
    peers = {name: value for name, value in speeds.items() if name != ours}
    return Row(
        model=model,
        batch=None,
        beams=beams,
        ours=ours,
        ours_tokens_per_s=speed,
        peers=peers,
        ratios={
            library_of(name): Spread.of([speed / value])
            for name, value in peers.items()
            if speed and value
        },
        limit_tokens_per_s=None,
    )


def _capacity(model: str, beams: int, capacity: Capacity) -> dict[str, Any]:
    def with_verdict(probe: Probe | None) -> dict[str, Any] | None:
        return None if probe is None else {**asdict(probe), "holds": capacity.holds(probe)}

    return {
        "model": model,
        "beams": beams,
        "p95_bound_s": capacity.bound_s,
        "unloaded_latency_s": capacity.unloaded_s,
        "best": {name: with_verdict(capacity.best(name)) for name in capacity.unloaded_s},
        "probes": [with_verdict(probe) for probe in capacity.probes],
    }
