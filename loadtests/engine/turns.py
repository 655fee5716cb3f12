"""Times batches in turns, so that changes of the machine's speed affect all contenders alike."""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loadtests.engine.isolation import Timed
from loadtests.engine.workload import Workload

# Idle threads of a library spin for up to 0.2 s after its work, on the next contender's cores.
SETTLE_S = 0.3
# The share of decoded tokens that may differ between contenders if outputs end by themselves. Over
# 80 sentences the types differ by less than a hundredth; over a few, one other word shows.
_MOST_DIFFERENCE = 0.2
_LEAST_DIFFERENCE = 6  # tokens


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and most of repeated measurements."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one contender in each of its rounds of one workload."""

    contender: str
    workload: Workload
    seconds: tuple[float, ...]
    output_tokens: tuple[int, ...]  # of each source; the same in every round
    cache_bytes: int = 4

    @property
    def tokens_per_s(self) -> Spread:
        """New tokens per second, over all sources of the batch together."""
        return Spread.of([sum(self.output_tokens) / seconds for seconds in self.seconds])

    @property
    def num_steps(self) -> list[int]:
        """Decoding steps of each source, that which chose the end included."""
        most, ends = self.workload.num_new_tokens, self.workload.ends
        return [min(tokens + ends, most) for tokens in self.output_tokens]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Settings of the measurements.

    Attributes:
        num_rounds: The number of measurements of each contender.
        drop_at: After the first round, types slower than their library's fastest by this factor
            are not measured again; None drops none.
        budget_s: The seconds of one workload; no round begins after it. A busy machine costs
            rounds, not hours.
        settle_s: The pause between two contenders.
        clock: Returns seconds.
    """

    num_rounds: int
    drop_at: float | None = None
    budget_s: float = math.inf
    settle_s: float = SETTLE_S
    clock: Callable[[], float] = time.perf_counter

    def measure(self, contenders: Sequence[Timed], workload: Workload) -> list[Timing]:
        """Run each contender once to warm up, then time rounds in which all take turns.

        Raises:
            RuntimeError: A contender decoded more or fewer tokens than the others.
        """
        end_s = self.clock() + self.budget_s
        for contender in contenders:
            contender.generate(workload.warm_up())
        first = [self._turn(contender, workload) for contender in contenders]
        check_same_work(first)
        staying = self._staying(first)
        seconds = {timing.contender: list(timing.seconds) for timing in first}
        for _ in range(self.num_rounds - 1):
            if self.clock() > end_s:
                break
            for contender in contenders:
                if contender.name in staying:
                    seconds[contender.name] += self._turn(contender, workload).seconds
        return [
            Timing(
                t.contender, workload, tuple(seconds[t.contender]), t.output_tokens, t.cache_bytes
            )
            for t in first
        ]

    def _turn(self, contender: Timed, workload: Workload) -> Timing:
        time.sleep(self.settle_s)
        run = contender.generate(workload)
        lengths = tuple(map(len, run.outputs))
        return Timing(contender.name, workload, (run.seconds,), lengths, contender.cache_bytes)

    def _staying(self, timings: Sequence[Timing]) -> set[str]:
        if self.drop_at is None:
            return {timing.contender for timing in timings}
        fastest: dict[str, float] = {}
        for timing in timings:
            library, seconds = library_of(timing.contender), timing.seconds[0]
            fastest[library] = min(seconds, fastest.get(library, seconds))
        return {
            timing.contender
            for timing in timings
            if timing.seconds[0] <= self.drop_at * fastest[library_of(timing.contender)]
        }


def check_same_work(timings: Sequence[Timing]) -> None:
    """Check that all contenders decoded equally many tokens, nearly if outputs end by themselves.

    Raises:
        RuntimeError: One decoded fewer or more; the message names it.
    """
    for timing in timings:
        workload = timing.workload
        if len(timing.output_tokens) != workload.batch:
            raise RuntimeError(
                f"{timing.contender} gave {len(timing.output_tokens)} outputs; "
                f"{workload.batch} were asked for"
            )
        if not workload.ends and set(timing.output_tokens) != {workload.num_new_tokens}:
            raise RuntimeError(
                f"{timing.contender} gave outputs of {sorted(set(timing.output_tokens))} tokens; "
                f"{workload.num_new_tokens} were asked for"
            )
    middle = statistics.median(sum(timing.output_tokens) for timing in timings)
    for timing in timings:
        if abs(sum(timing.output_tokens) - middle) > max(
            _LEAST_DIFFERENCE, _MOST_DIFFERENCE * middle
        ):
            raise RuntimeError(
                f"{timing.contender} decoded {sum(timing.output_tokens)} tokens where {middle:.0f} "
                "are usual"
            )


def library_of(contender: str) -> str:
    """Return the library of a contender: `CTranslate2` of `CTranslate2 int8`."""
    return contender.split(maxsplit=1)[0]


def dtype_of(contender: str) -> str:
    """Return the type of a contender: `int8` of `CTranslate2 int8`."""
    return contender.rsplit(maxsplit=1)[-1]


def ratios(ours: Timing, theirs: Timing) -> Spread:
    """Return the ratios of tokens per second, ours over theirs, within each round of both."""
    more = sum(ours.output_tokens) / sum(theirs.output_tokens)
    pairs = zip(ours.seconds, theirs.seconds, strict=False)  # a type that was dropped has but one
    return Spread.of([more * b / a for a, b in pairs])


def best(timings: Sequence[Timing]) -> Timing:
    """Return the timing with the fastest median."""
    return max(timings, key=lambda timing: timing.tokens_per_s.median)
