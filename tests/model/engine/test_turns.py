"""Groups of requests take turns, and none takes all of the cache: plain integers."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.engine.params import Priority
from model.engine.request import Request
from model.engine.scheduler import Scheduler
from tests.support.engine.factories import make_engine_config, make_request


def make_scheduler(*, num_rows: int = 8, num_blocks: int = 1_000) -> Scheduler:
    return Scheduler(make_engine_config(), num_rows=num_rows, num_blocks=num_blocks)


def add(scheduler: Scheduler, *names: str, **fields: Any) -> list[Request]:
    """Queue requests whose group is the first letter of their name."""
    requests = [make_request(name, group=name[0], **fields) for name in names]
    for request in requests:
        scheduler.add(request)
    return requests


def admitted(scheduler: Scheduler) -> list[str]:
    names = [request.request_id for request in scheduler.schedule().encode]
    scheduler.check_invariants()
    return names


def test_groups_take_turns_and_each_keeps_its_order() -> None:
    scheduler = make_scheduler()
    add(scheduler, "a1", "a2", "a3", "b1", "b2", "c1")
    assert admitted(scheduler) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_newcomer_goes_before_the_rest_of_a_long_queue() -> None:
    scheduler = make_scheduler(num_rows=2)
    first, *_ = add(scheduler, *(f"a{i}" for i in range(9)))
    assert admitted(scheduler) == ["a0"]
    add(scheduler, "b")
    assert admitted(scheduler) == ["b"]
    scheduler.finish(first)
    assert admitted(scheduler) == ["a1"]


def test_a_group_alone_leaves_a_quarter_of_the_rows_to_whoever_comes_next() -> None:
    scheduler = make_scheduler(num_rows=8)
    add(scheduler, *(f"a{i}" for i in range(9)))
    assert len(admitted(scheduler)) == 6
    add(scheduler, "b1", "b2", "b3")
    assert admitted(scheduler) == ["b1", "b2"]


def test_a_group_holds_at_most_half_of_the_rows_while_others_wait() -> None:
    scheduler = make_scheduler(num_rows=8)
    add(scheduler, *(f"a{i}" for i in range(9)), *(f"b{i}" for i in range(9)))
    assert sorted(name[0] for name in admitted(scheduler)) == ["a"] * 4 + ["b"] * 4


def test_a_group_holds_at_most_three_quarters_of_the_blocks() -> None:
    scheduler = make_scheduler(num_rows=100, num_blocks=40)
    add(scheduler, *(f"a{i}" for i in range(40)), length=16)
    num_alone = len(admitted(scheduler))
    add(scheduler, "b", length=16)
    assert num_alone > 1
    assert admitted(scheduler) == ["b"]


@pytest.mark.parametrize("num_beams", [1, 8])
def test_the_first_of_a_group_needs_no_share(num_beams: int) -> None:
    scheduler = make_scheduler(num_rows=8)
    add(scheduler, "a", "b", num_beams=num_beams)
    assert admitted(scheduler)[0] == "a"


def test_all_bulk_requests_together_leave_a_quarter_to_interactive_ones() -> None:
    scheduler = make_scheduler(num_rows=8)
    add(scheduler, *"abcdefgh", priority=Priority.BULK)
    assert len(admitted(scheduler)) == 6
    add(scheduler, "x", "y")
    assert admitted(scheduler) == ["x", "y"]


def test_a_large_bulk_request_is_not_overtaken_for_ever_by_small_ones() -> None:
    scheduler = make_scheduler(num_rows=8)
    running = add(scheduler, "a", "b", priority=Priority.BULK)
    admitted(scheduler)
    add(scheduler, "L", num_beams=8, priority=Priority.BULK)
    add(scheduler, "c", "d", priority=Priority.BULK)
    assert admitted(scheduler) == []
    for request in running:
        scheduler.finish(request)
    assert admitted(scheduler) == ["L"]


def test_one_put_back_is_admitted_before_all_others() -> None:
    scheduler = make_scheduler(num_rows=2)
    add(scheduler, "a1", "b1", "b2", "c1")
    assert admitted(scheduler) == ["a1", "b1"]
    scheduler.start_over()
    assert admitted(scheduler)[0] == "a1"


def test_a_request_that_leaves_the_queue_loses_no_other_its_turn() -> None:
    scheduler = make_scheduler()
    a1, *_ = add(scheduler, "a1", "a2", "b1")
    scheduler.finish(a1)
    assert admitted(scheduler) == ["a2", "b1"]


@given(
    st.lists(
        st.tuples(st.sampled_from("abcde"), st.integers(1, 4), st.sampled_from(list(Priority))),
        min_size=1,
        max_size=30,
    )
)
def test_every_request_is_admitted_in_the_end(
    queued: Sequence[tuple[str, int, Priority]],
) -> None:
    scheduler = make_scheduler(num_rows=4)
    for i, (group, num_beams, priority) in enumerate(queued):
        add(scheduler, f"{group}{i}", num_beams=num_beams, priority=priority)
    seen: list[str] = []
    running: list[Request] = []
    for _ in queued:
        batch = scheduler.schedule()
        seen += [request.request_id for request in batch.encode]
        running = list(batch.decode)
        if running:
            scheduler.finish(running[0])
    assert len(seen) == len(queued)
