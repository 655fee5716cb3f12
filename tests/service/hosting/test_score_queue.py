"""The queue of given outputs: how many share a pass, whose turn it is, and failures."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from model.engine.params import Priority
from model.errors import DeadlineExceededError, NoMemoryError, NoTokenError, QueueFullError
from model.scoring.forced_pass import ForcedPass
from model.scoring.given import Given, Reading
from service.deadline import Deadline
from service.hosting.score_queue import ScoreStream
from tests.support.engine.clocks import FakeClock
from tests.support.engine.factories import make_engine_config, make_network, make_rules
from tests.support.service.engines import make_score_job, make_score_queue


def stream(number: int = 1, **options: Any) -> ScoreStream:
    """Return the way back of a job of 5 + 4 tokens, which differs by its number."""
    return ScoreStream(make_score_job(number, 3, 9, **options))


def numbers_of(answers: Sequence[tuple[ScoreStream, object]]) -> list[int]:
    return [stream.request.given.output_ids[0] for stream, _ in answers]


async def test_a_turn_reads_as_many_as_its_tokens_allow() -> None:
    queue = make_score_queue(max_tokens=40)
    for number in range(1, 8):
        queue.add(stream(number))
    turns = [queue.turn() for _ in range(3)]
    assert [numbers_of(answers) for answers in turns] == [[1, 2, 3, 4], [5, 6, 7], []]
    assert all(isinstance(answer, Reading) for answers in turns for _, answer in answers)


async def test_an_output_longer_than_a_turn_is_read_alone() -> None:
    queue = make_score_queue(max_tokens=3)
    queue.add(stream(1))
    queue.add(stream(2))
    assert [numbers_of(queue.turn()) for _ in range(3)] == [[1], [2], []]


async def test_interactive_jobs_go_first_each_class_in_order() -> None:
    queue = make_score_queue(max_tokens=18)
    for number in range(1, 7):
        queue.add(stream(number, priority=[Priority.BULK, Priority.INTERACTIVE][number % 2]))
    assert [numbers_of(queue.turn()) for _ in range(3)] == [[1, 3], [5, 2], [4, 6]]


async def test_client_requests_take_turns() -> None:
    queue = make_score_queue(max_tokens=18)
    for number, group in enumerate("aaaab", start=1):
        queue.add(stream(number, group=group))
    assert [numbers_of(queue.turn()) for _ in range(3)] == [[1, 5], [2, 3], [4]]


async def test_late_jobs_are_told_so_and_not_read() -> None:
    clock = FakeClock()
    queue = make_score_queue(clock=clock)
    queue.add(stream(1, deadline=Deadline(clock() + 1, 1_000)))
    queue.add(stream(2))
    clock.advance(1)
    (_, late), (_, answer) = queue.turn()
    assert isinstance(late, DeadlineExceededError)
    assert isinstance(answer, Reading)
    assert not queue


async def test_a_job_is_read_in_company_as_alone() -> None:
    queue = make_score_queue()
    for number in range(1, 8):
        queue.add(stream(number))
    for job, answer in queue.turn():
        alone = make_score_queue()
        alone.add(job)
        ((_, expected),) = alone.turn()
        assert isinstance(answer, Reading)
        assert isinstance(expected, Reading)
        assert answer.log_probs == pytest.approx(expected.log_probs, abs=1e-5)


async def test_a_full_queue_refuses_and_a_removed_job_frees_its_place() -> None:
    queue = make_score_queue(max_waiting=2)
    kept, removed = stream(1), stream(2)
    queue.add(kept)
    queue.add(removed)
    with pytest.raises(QueueFullError, match="2 requests are waiting; the queue holds at most 2"):
        queue.add(stream(3))
    queue.remove(removed)
    queue.remove(removed)  # no longer there
    queue.add(stream(4))
    assert numbers_of(queue.turn()) == [1, 4]


async def test_clearing_returns_all() -> None:
    queue = make_score_queue()
    jobs = [stream(1), stream(2, priority=Priority.BULK)]
    for job in jobs:
        queue.add(job)
    assert queue.clear() == jobs
    assert (len(queue), queue.turn()) == (0, [])


class SmallMemory(ForcedPass):
    """A pass on a device with room for few outputs at once."""

    def __init__(self, *, room: int, error: Exception | None = None) -> None:
        super().__init__(make_network(), make_rules(), make_engine_config())
        self._room = room
        self._error = error or MemoryError()

    def read(self, batch: Sequence[Given]) -> list[Reading | NoTokenError]:
        if len(batch) > self._room:
            raise self._error
        return super().read(batch)


async def test_where_memory_is_too_short_for_all_each_is_read_alone() -> None:
    queue = make_score_queue(SmallMemory(room=1))
    for number in range(1, 4):
        queue.add(stream(number))
    answers = queue.turn()
    assert numbers_of(answers) == [1, 2, 3]
    assert all(isinstance(answer, Reading) for _, answer in answers)


async def test_where_memory_is_too_short_for_one_it_is_told_so() -> None:
    queue = make_score_queue(SmallMemory(room=0))
    queue.add(stream())
    ((_, answer),) = queue.turn()
    assert isinstance(answer, NoMemoryError)


async def test_a_fault_reaches_those_who_were_in_the_pass() -> None:
    queue = make_score_queue(SmallMemory(room=1, error=ValueError("a fault")))
    queue.add(stream(1))
    queue.add(stream(2))
    answers = queue.turn()
    assert [str(answer) for _, answer in answers] == ["a fault"] * 2
    queue.add(stream(3))
    ((_, answer),) = queue.turn()
    assert isinstance(answer, Reading)


async def test_a_job_without_deadline_is_never_late() -> None:
    queue = make_score_queue(clock=FakeClock())
    queue.add(stream(deadline=Deadline(math.inf, math.inf)))
    ((_, answer),) = queue.turn()
    assert isinstance(answer, Reading)
