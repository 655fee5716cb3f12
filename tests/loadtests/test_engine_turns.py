"""Contenders take turns at the same work, and ratios are taken within a round."""

import pytest

from loadtests.engine.isolation import TimedOutputs
from loadtests.engine.serving import Served
from loadtests.engine.turns import Timing, Turns, best, ratios
from loadtests.engine.workload import Load, Workload

WORKLOAD = Workload(sources=((5, 0), (6, 0), (7, 0)), num_new_tokens=6)
REAL = Workload(sources=((5, 0), (6, 0)), num_new_tokens=128, ends=True)


class Echo:
    """Answers in the seconds it is told, with so many tokens too few."""

    cache_bytes = 4

    def __init__(self, name: str, *, seconds: float = 1.0, missing: int = 0) -> None:
        self.name = name
        self.asked: list[int] = []
        self._seconds, self._missing = seconds, missing

    def generate(self, workload: Workload) -> TimedOutputs:
        self.asked.append(workload.num_new_tokens)
        length = workload.num_new_tokens - self._missing
        return TimedOutputs(self._seconds, [[1] * length for _ in workload.sources])

    def serve(self, load: Load) -> list[Served]:
        raise NotImplementedError


def test_everybody_warms_up_and_then_takes_turns_at_the_same_work() -> None:
    echoes = [Echo("a x"), Echo("b x")]
    timings = Turns(num_rounds=3, settle_s=0).measure(echoes, WORKLOAD)
    assert [echo.asked for echo in echoes] == [[4, 6, 6, 6]] * 2
    assert [len(timing.seconds) for timing in timings] == [3, 3]
    assert [timing.tokens_per_s.median for timing in timings] == [18.0, 18.0]


def test_a_type_far_slower_than_its_librarys_best_is_measured_once() -> None:
    fast, slow, other = (
        Echo("a fast", seconds=1.0),
        Echo("a slow", seconds=1.3),
        Echo("b only", seconds=9.0),
    )
    turns = Turns(num_rounds=3, drop_at=1.2, settle_s=0)
    timings = turns.measure([fast, slow, other], WORKLOAD)
    assert [len(timing.seconds) for timing in timings] == [3, 1, 3]


def test_no_round_begins_after_the_budget() -> None:
    moments = iter([0.0, 5.0, 11.0])
    turns = Turns(num_rounds=9, budget_s=10.0, settle_s=0, clock=lambda: next(moments))
    (timing,) = turns.measure([Echo("a x")], WORKLOAD)
    assert len(timing.seconds) == 2


def test_fewer_tokens_than_asked_for_are_no_result() -> None:
    with pytest.raises(RuntimeError, match=r"short x gave outputs of \[5\] tokens; 6 were"):
        Turns(num_rounds=1, settle_s=0).measure([Echo("short x", missing=1)], WORKLOAD)


def test_real_outputs_may_differ_by_a_word_and_not_by_a_half() -> None:
    near, far = Echo("near x", missing=2), Echo("far x", missing=64)
    turns = Turns(num_rounds=1, settle_s=0)
    assert len(turns.measure([Echo("a x"), Echo("b x"), near], REAL)) == 3
    with pytest.raises(RuntimeError, match="far x decoded 128 tokens where 256 are usual"):
        turns.measure([Echo("a x"), Echo("b x"), far], REAL)


def test_a_step_that_chose_the_end_is_a_step() -> None:
    assert Timing("a x", REAL, (1.0,), (10, 128)).num_steps == [11, 128]
    assert Timing("a x", WORKLOAD, (1.0,), (6, 6, 6)).num_steps == [6, 6, 6]


def test_ratios_are_within_each_round() -> None:
    ours = Timing("a x", WORKLOAD, (1.0, 2.0, 1.0), (6, 6, 6))
    theirs = Timing("b x", WORKLOAD, (2.0, 6.0, 1.5), (6, 6, 6))
    spread = ratios(ours, theirs)
    assert (spread.median, spread.low, spread.high) == (2.0, 1.5, 3.0)
    assert best([theirs, ours]) is ours


def test_a_ratio_is_of_tokens_a_second_where_outputs_differ() -> None:
    ours = Timing("a x", REAL, (1.0,), (10, 10))
    theirs = Timing("b x", REAL, (1.0,), (12, 13))
    assert ratios(ours, theirs).median == pytest.approx(0.8)
