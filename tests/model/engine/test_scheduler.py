"""The order of admission and the rows that requests get; decided on plain integers."""

from collections.abc import Sequence
from typing import Any

import pytest

from model.engine.batch import Batch
from model.engine.params import Priority
from model.engine.request import Request, RequestStatus
from model.engine.scheduler import Scheduler
from model.errors import QueueFullError
from tests.support.engine.factories import make_engine_config, make_request

BULK = Priority.BULK


def make_scheduler(
    *, num_rows: int = 4, num_blocks: int = 1_000, finished_per_row: int = 100, **limits: Any
) -> Scheduler:
    return Scheduler(
        make_engine_config(**limits),
        num_rows=num_rows,
        num_blocks=num_blocks,
        finished_per_row=finished_per_row,
    )


def add(scheduler: Scheduler, *names: str, **request: Any) -> list[Request]:
    requests = [make_request(name, **request) for name in names]
    for queued in requests:
        scheduler.add(queued)
    return requests


def ids(requests: Sequence[Request]) -> str:
    return "".join(request.request_id for request in requests)


def schedule(scheduler: Scheduler) -> Batch:
    batch = scheduler.schedule()
    scheduler.check_invariants()
    return batch


def test_requests_are_admitted_in_order_of_arrival_as_far_as_rows_go() -> None:
    scheduler = make_scheduler(num_rows=3)
    add(scheduler, *"abcd")
    batch = schedule(scheduler)
    assert (ids(batch.encode), ids(batch.decode)) == ("abc", "abc")
    assert (scheduler.num_running, scheduler.num_waiting) == (3, 1)


def test_a_request_joins_those_who_are_decoding_already() -> None:
    scheduler = make_scheduler()
    add(scheduler, "a")
    schedule(scheduler)
    add(scheduler, "b", num_beams=2)
    batch = schedule(scheduler)
    assert (ids(batch.encode), ids(batch.decode), batch.num_rows) == ("b", "ab", 3)


def test_a_place_is_taken_again_in_the_step_after_it_was_left() -> None:
    scheduler = make_scheduler(num_rows=1)
    first, _ = add(scheduler, "a", "b")
    schedule(scheduler)
    scheduler.finish(first)
    scheduler.check_invariants()
    assert ids(schedule(scheduler).encode) == "b"


def test_interactive_requests_go_before_bulk_ones() -> None:
    scheduler = make_scheduler(num_rows=2)
    add(scheduler, "x", "y", priority=BULK)
    add(scheduler, "a")
    assert ids(schedule(scheduler).encode) == "ax"


def test_bulk_is_not_starved_by_interactive_requests_that_keep_coming() -> None:
    scheduler = make_scheduler(num_rows=1)
    add(scheduler, "X", "Y", priority=BULK)
    order = ""
    for step in range(20):
        add(scheduler, chr(ord("a") + step))
        batch = schedule(scheduler)
        order += ids(batch.encode)
        scheduler.finish(batch.decode[0])
    assert order == "abcdefghXijklmnopYqr"


@pytest.mark.parametrize("priority", Priority)
def test_a_large_request_is_not_overtaken_by_small_ones_that_would_fit(priority: Priority) -> None:
    scheduler = make_scheduler(num_rows=4)
    (running,) = add(scheduler, "a", priority=priority)
    schedule(scheduler)
    add(scheduler, "L", num_beams=4, priority=priority)
    add(scheduler, "b", "c", priority=priority)
    assert ids(schedule(scheduler).encode) == ""
    scheduler.finish(running)
    assert ids(schedule(scheduler).encode) == "L"


def test_a_large_bulk_request_gets_its_turn_though_small_interactive_ones_would_fit() -> None:
    scheduler = make_scheduler(num_rows=2)
    add(scheduler, "L", num_beams=2, priority=BULK)
    add(scheduler, *"abcdefghijkl")
    admitted = ""
    for _ in range(6):
        batch = schedule(scheduler)
        admitted += ids(batch.encode)
        for request in batch.decode:
            scheduler.finish(request)
    assert admitted == "abcdefghLij"


def test_no_more_source_tokens_than_allowed_are_encoded_in_a_step() -> None:
    scheduler = make_scheduler(num_rows=8, max_encode_tokens=10)
    add(scheduler, "a", "b", "c", length=5)
    assert [ids(schedule(scheduler).encode) for _ in range(3)] == ["ab", "c", ""]


def test_a_source_longer_than_a_step_encodes_goes_alone() -> None:
    scheduler = make_scheduler(num_rows=8, max_encode_tokens=10)
    add(scheduler, "a", length=30)
    add(scheduler, "b", length=2)
    assert [ids(schedule(scheduler).encode) for _ in range(2)] == ["a", "b"]


def test_a_full_queue_refuses_and_says_how_full_it_is() -> None:
    scheduler = make_scheduler(max_waiting=2)
    add(scheduler, "a", "b")
    with pytest.raises(QueueFullError, match="2 requests are waiting; the queue holds at most 2"):
        add(scheduler, "c", priority=BULK)
    schedule(scheduler)
    add(scheduler, "d")


def test_rows_and_slots_are_dense_after_a_request_ends() -> None:
    scheduler = make_scheduler(num_rows=6)
    first, second, third = (
        *add(scheduler, "a", num_beams=2),
        *add(scheduler, "b"),
        *add(scheduler, "c", num_beams=3),
    )
    schedule(scheduler)
    assert (first.rows, second.rows, third.rows) == ([0, 1], [2], [3, 4, 5])
    scheduler.finish(first)
    batch = schedule(scheduler)
    assert dict(batch.row_moves) == {5: 0, 4: 1}
    assert dict(batch.slot_moves) == {2: 0}
    assert (second.rows, third.rows) == ([2], [3, 1, 0])
    assert (second.slot, third.slot) == (1, 0)


def test_a_new_request_takes_a_freed_row_so_that_none_moves() -> None:
    scheduler = make_scheduler(num_rows=3)
    first, _ = add(scheduler, "a", "b")
    schedule(scheduler)
    scheduler.finish(first)
    (newcomer,) = add(scheduler, "c")
    batch = schedule(scheduler)
    assert (batch.row_moves, batch.slot_moves, newcomer.rows) == ([], [], [0])


def test_rows_that_a_request_gives_up_are_free() -> None:
    scheduler = make_scheduler()
    (request,) = add(scheduler, "a", num_return=3, seed=0)
    schedule(scheduler)
    scheduler.resize_rows(request, keep=[2])
    scheduler.check_invariants()
    assert scheduler.num_rows_taken == 1
    assert dict(schedule(scheduler).row_moves) == {2: 0}
    assert request.rows == [0]


def test_a_waiting_request_can_be_taken_out_of_the_queue() -> None:
    scheduler = make_scheduler(num_rows=1)
    _, waiting, _ = add(scheduler, "a", "b", "c")
    schedule(scheduler)
    scheduler.finish(waiting)
    scheduler.check_invariants()
    assert waiting.status is RequestStatus.FINISHED
    assert ids(scheduler.requests()) == "ac"


def test_finishing_twice_frees_nothing_twice() -> None:
    scheduler = make_scheduler()
    (request,) = add(scheduler, "a")
    schedule(scheduler)
    scheduler.finish(request)
    scheduler.finish(request)
    scheduler.check_invariants()


def test_a_row_that_no_request_holds_is_noticed() -> None:
    scheduler = make_scheduler()
    (request,) = add(scheduler, "a", num_beams=2)
    schedule(scheduler)
    request.rows = [0]
    with pytest.raises(RuntimeError, match=r"hold rows \[0\], 2 are taken"):
        scheduler.check_invariants()


def test_a_slot_that_no_request_holds_is_noticed() -> None:
    scheduler = make_scheduler()
    (request,) = add(scheduler, "a")
    schedule(scheduler)
    request.slot = None
    with pytest.raises(RuntimeError, match=r"hold slots \[\], 1 are taken"):
        scheduler.check_invariants()


# Starting over


def test_those_who_start_over_come_first_and_in_their_order() -> None:
    scheduler = make_scheduler(num_rows=3)
    for name in "abcd":
        scheduler.add(make_request(name))
    scheduler.schedule()
    assert [request.request_id for request in scheduler.start_over()] == ["a", "b", "c"]
    scheduler.check_invariants()
    assert [request.request_id for request in scheduler.schedule().encode] == ["a", "b"]
    assert scheduler.max_rows == 2


def test_one_alone_may_have_more_rows_than_several_together() -> None:
    scheduler = make_scheduler(num_rows=4)
    scheduler.add(make_request("wide", seed=0, num_return=4))
    scheduler.add(make_request("narrow"))
    scheduler.schedule()
    scheduler.start_over()
    assert scheduler.max_rows == 3
    (wide,) = scheduler.schedule().encode
    assert wide.request_id == "wide"
    scheduler.finish(wide)
    assert [request.request_id for request in scheduler.schedule().encode] == ["narrow"]


def test_rows_come_back_as_requests_finish() -> None:
    scheduler = make_scheduler(num_rows=4, finished_per_row=2)
    for number in range(12):
        scheduler.add(make_request(str(number)))
    scheduler.schedule()
    scheduler.start_over()
    found = []
    while running := scheduler.schedule().decode:
        scheduler.finish(running[0])
        found.append(scheduler.max_rows)
    assert found == [3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4]


def test_a_failure_without_running_requests_takes_no_rows_away() -> None:
    scheduler = make_scheduler(num_rows=4)
    assert scheduler.start_over() == []
    assert scheduler.max_rows == 4


def test_a_request_can_be_admitted_only_if_its_rows_are_free() -> None:
    scheduler = make_scheduler(num_rows=2)
    found = [scheduler.can_admit]
    scheduler.add(make_request("a"))
    found.append(scheduler.can_admit)
    scheduler.schedule()
    scheduler.add(make_request("b", seed=0, num_return=2))
    found.append(scheduler.can_admit)
    assert found == [False, True, False]
