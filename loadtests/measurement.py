"""Times contenders in turns, so that a change of the machine's mood meets all of them alike."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import torch

from loadtests.checkpoint import EOS_ID, Shape
from loadtests.contenders import Contender, Workload

# A library's idle threads spin for up to 0.2 s after their last work, on the next one's cores.
SETTLE_S = 0.3


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle and the extremes of repeated measurements."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Timing:
    """The seconds that one contender needed for one workload, round by round."""

    contender: str
    workload: Workload
    seconds: tuple[float, ...]

    @property
    def tokens_per_s(self) -> Spread:
        """New tokens a second, over all sources of the batch together."""
        return Spread.of([self.workload.num_tokens / seconds for seconds in self.seconds])


def make_workload(
    shape: Shape,
    *,
    num_sources: int,
    source_tokens: tuple[int, int],
    num_new_tokens: int,
    num_beams: int = 1,
) -> Workload:
    """Random sources whose lengths lie between the two bounds; the same on every call."""
    random = Random(num_sources)
    low, high = source_tokens
    sources = tuple(
        (*(random.randrange(2, shape.pad_id) for _ in range(random.randint(low, high) - 1)), EOS_ID)
        for _ in range(num_sources)
    )
    return Workload(sources=sources, num_new_tokens=num_new_tokens, num_beams=num_beams)


def measure(
    contenders: Sequence[Contender],
    workloads: Sequence[Workload],
    *,
    num_rounds: int,
    settle_s: float = SETTLE_S,
    on_turn: Callable[[], None] = lambda: None,
) -> list[Timing]:
    """Each contender at each workload: once to warm up, then `num_rounds` times, taking turns.

    Raises:
        RuntimeError: A contender decoded more or fewer tokens than the others.
    """
    timings = []
    for workload in workloads:
        seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
        for turn in range(num_rounds + 1):
            for contender in contenders:
                time.sleep(settle_s)
                elapsed = _time_one(contender, workload)
                if turn > 0:
                    seconds[contender.name].append(elapsed)
                on_turn()
        timings += [Timing(name, workload, tuple(values)) for name, values in seconds.items()]
    return timings


def _time_one(contender: Contender, workload: Workload) -> float:
    start = time.perf_counter()
    outputs = contender.generate(workload)
    elapsed = time.perf_counter() - start
    lengths = {len(output) for output in outputs}
    if len(outputs) != len(workload.sources) or lengths != {workload.num_new_tokens}:
        raise RuntimeError(
            f"{contender.name} gave {len(outputs)} outputs of {sorted(lengths)} tokens; "
            f"{len(workload.sources)} of {workload.num_new_tokens} were asked for"
        )
    return elapsed


def ratios(ours: Timing, theirs: Timing) -> Spread:
    """How many times as fast ours is, compared within each round."""
    return Spread.of([b / a for a, b in zip(ours.seconds, theirs.seconds, strict=True)])


def best(timings: Sequence[Timing]) -> Timing:
    """The fastest by its median."""
    return max(timings, key=lambda timing: timing.tokens_per_s.median)


def read_bandwidth(*, num_bytes: int = 1 << 29, repeats: int = 5) -> float:
    """Bytes a second that all threads together read from memory: the best of several passes."""
    buffer = torch.ones(num_bytes // 4)
    seconds = []
    for reduce in (buffer.sum, buffer.max):
        for _ in range(repeats):
            start = time.perf_counter()
            reduce()
            seconds.append(time.perf_counter() - start)
    return num_bytes / min(seconds)
