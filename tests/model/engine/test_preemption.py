"""Admission by the cache's blocks: who waits, who is put back, and that all end; plain integers."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.engine.batch import Batch
from model.engine.block_pool import TOKENS_PER_BLOCK, most_blocks
from model.engine.params import Priority
from model.engine.request import Request, RequestStatus
from model.engine.scheduler import Scheduler
from model.engine.search.search import Extension, IndependentSearch
from tests.support.engine.factories import make_engine_config, make_request, make_search_config


def make_scheduler(*, num_blocks: int, num_rows: int = 40) -> Scheduler:
    return Scheduler(make_engine_config(), num_rows=num_rows, num_blocks=num_blocks)


def add(
    scheduler: Scheduler, name: str, *, source: int = 5, target: int = 40, width: int = 1, **of: Any
) -> Request:
    """Add a request of `width` beams, whose rows cache `target` tokens."""
    request = make_request(name, length=source, num_beams=width, **of)
    request.search = IndependentSearch(
        make_search_config(max_new_tokens=target), num_hypotheses=width
    )
    scheduler.add(request)
    return request


def ids(requests: Sequence[Request]) -> str:
    return "".join(request.request_id for request in requests)


def schedule(scheduler: Scheduler) -> Batch:
    """Return the next batch, all of whose rows have blocks for all of its steps."""
    batch = scheduler.schedule()
    scheduler.check_invariants()
    for request in batch.decode:
        num_tokens = min(request.num_computed + batch.max_steps, request.max_cached)
        assert len(request.blocks) * TOKENS_PER_BLOCK >= num_tokens
    return batch


def decode(scheduler: Scheduler, batch: Batch, *, most: int = 1) -> str:
    """Take up to `most` steps; return the requests that reached their length and were ended."""
    ended = ""
    for _ in range(min(most, batch.max_steps)):
        for request in batch.decode:
            if request.status is not RequestStatus.RUNNING:
                continue
            request.num_computed += 1
            if request.num_computed == request.max_cached:
                scheduler.finish(request)
                ended += request.request_id
            elif request.num_computed == request.length:
                width = request.num_live
                new = [[4]] * width
                request.search.extend(Extension(range(width), new, [0.0] * width))
    return ended


def test_short_requests_run_together_where_few_of_maximal_length_would_fit() -> None:
    """48 + 48 tokens would be six blocks each."""
    scheduler = make_scheduler(num_blocks=12)
    for name in "abcdefgh":
        add(scheduler, name, source=10, target=12)
    assert ids(schedule(scheduler).encode) == "abcdef"


def test_a_request_waits_for_blocks_that_running_ones_are_expected_to_take() -> None:
    """Of 30 tokens read, 30 are expected to be written: two blocks each."""
    scheduler = make_scheduler(num_blocks=7)
    for name in "ab":
        add(scheduler, name, source=30)
    assert ids(schedule(scheduler).encode) == "a"
    assert not scheduler.can_admit


def test_a_request_is_admitted_once_another_has_freed_its_blocks() -> None:
    scheduler = make_scheduler(num_blocks=4)
    first = add(scheduler, "a", target=12)
    second = add(scheduler, "b", target=12)
    add(scheduler, "c", target=12)
    schedule(scheduler)
    scheduler.finish(first)
    assert scheduler.can_admit
    assert ids(schedule(scheduler).encode) == "c"
    assert second.status is RequestStatus.RUNNING


def test_the_last_admitted_is_put_back_at_the_head_of_its_queue_when_blocks_run_out() -> None:
    scheduler = make_scheduler(num_blocks=5)
    first, second, third = (add(scheduler, name) for name in "abc")
    while first.num_computed < 16:
        decode(scheduler, schedule(scheduler))
    batch = schedule(scheduler)
    assert (ids(batch.decode), ids(batch.encode)) == ("a", "")
    assert ids(scheduler.requests()) == "abc"
    assert (second.status, second.num_computed, second.rows) == (RequestStatus.WAITING, 0, [])
    assert second.length > 1  # its tokens are kept
    assert third.status is RequestStatus.WAITING
    assert scheduler.stats(num_decoded=0, num_steps=0).num_preempted == 1


def test_one_that_was_put_back_takes_the_blocks_of_its_tokens_at_once() -> None:
    """And not again while they would be taken from it by the next step of the others."""
    scheduler = make_scheduler(num_blocks=6)
    first, second = add(scheduler, "a"), add(scheduler, "b")
    ended, order = "", []
    while not ended:
        batch = schedule(scheduler)
        order.append(ids(batch.encode))
        ended = decode(scheduler, batch)
    assert (ended, "".join(order)) == ("a", "ab")
    assert second.length > 17
    assert ids(schedule(scheduler).encode) == "b"
    assert len(second.blocks) * TOKENS_PER_BLOCK >= second.length
    assert first.status is RequestStatus.FINISHED


def test_a_request_of_eight_beams_that_fills_the_cache_runs_alone_and_ends() -> None:
    scheduler = make_scheduler(num_blocks=3 + 8 * 3)
    wide = add(scheduler, "W", source=48, target=48, width=8)
    add(scheduler, "a")
    ended = ""
    while not ended:
        batch = schedule(scheduler)
        assert ids(batch.decode) == "W"
        ended = decode(scheduler, batch, most=16)
    assert wide.num_computed == 48
    assert scheduler.stats(num_decoded=0, num_steps=0).num_preempted == 0


@pytest.mark.parametrize("priority", Priority)
def test_a_large_request_is_not_starved_by_small_ones_that_keep_coming(priority: Priority) -> None:
    scheduler = make_scheduler(num_blocks=27)
    for number in range(6):
        add(scheduler, chr(ord("a") + number), priority=priority)
    schedule(scheduler)
    add(scheduler, "W", source=48, target=48, width=8, priority=priority)
    ended = ""
    for number in range(200):
        add(scheduler, chr(1000 + number), target=20, priority=priority)
        ended += decode(scheduler, schedule(scheduler))
        if "W" in ended:
            break
    assert sorted(ended[:6]) == [*"abcdef"]
    assert ended[6] == "W"


small = st.tuples(
    st.integers(1, 48), st.integers(1, 47), st.integers(1, 8), st.sampled_from(Priority)
)


@given(st.lists(small, min_size=1, max_size=12), st.integers(0, 20), st.integers(1, 16))
def test_all_requests_end_however_few_blocks_there_are(
    shapes: list[tuple[int, int, int, Priority]], spare: int, most: int
) -> None:
    """Blocks suffice for the largest request and a few more. The oldest is never put back.

    Every step either ends a request or brings the oldest forward, so the steps have a limit.
    """
    least = max(
        most_blocks(num_source_tokens=source, num_target_tokens=target, num_rows=width)
        for source, target, width, _ in shapes
    )
    scheduler = make_scheduler(num_blocks=least + spare)
    for number, (source, target, width, priority) in enumerate(shapes):
        name = chr(ord("a") + number)
        add(scheduler, name, source=source, target=target, width=width, priority=priority)
    ended, oldest = "", None
    for _ in range(sum(target + 2 for _, target, _, _ in shapes)):
        batch = schedule(scheduler)
        if not batch.decode:
            break
        if oldest is not None and oldest.status is not RequestStatus.FINISHED:
            assert batch.decode[0] is oldest
        oldest = batch.decode[0]
        ended += decode(scheduler, batch, most=most)
    assert len(ended) == len(shapes)
    stats = scheduler.stats(num_decoded=0, num_steps=0)
    assert (stats.num_running, stats.num_waiting, stats.num_rows, stats.num_blocks) == (0, 0, 0, 0)
