"""Blocks of the cache follow the tokens that a request has, or will have within a run."""

from typing import Any

import pytest

from model.engine.block_pool import BlockPool, held_by
from model.engine.request import Request
from model.engine.search.search import IndependentSearch
from tests.support.engine.factories import make_request, make_search_config


def request_of(*, source: int = 20, target: int = 40, width: int = 1, **params: Any) -> Request:
    """Return a request without blocks; target: the tokens that each row caches at most."""
    if width > 1:
        params |= {"num_return": width, "seed": 0}
    request = make_request(length=source, **params)
    config = make_search_config(max_new_tokens=target)
    request.search = IndependentSearch(config, num_hypotheses=width)
    return request


@pytest.mark.parametrize(
    ("source", "target", "expected"), [(1, 1, 2), (16, 16, 2), (17, 16, 3), (17, 33, 5)]
)
def test_a_source_and_a_row_take_a_block_for_each_16_tokens(
    source: int, target: int, expected: int
) -> None:
    pool, request = BlockPool(10), request_of(source=source)
    assert pool.missing(request, target) == expected
    assert pool.grow(request, target)
    assert (pool.num_taken, pool.missing(request, target)) == (expected, 0)
    assert len(request.source_blocks) == -(-source // 16)
    assert [len(blocks) for blocks in request.blocks] == [1] * -(-target // 16)


def test_each_row_of_a_request_gets_blocks_and_its_source_is_counted_once() -> None:
    pool, request = BlockPool(20), request_of(source=33, width=4)
    assert pool.grow(request, 20)
    assert pool.num_taken == 3 + 4 * 2


def test_what_does_not_fit_takes_nothing() -> None:
    pool, request = BlockPool(3), request_of(source=20)
    assert not pool.grow(request, 17)
    assert (pool.num_taken, held_by(request)) == (0, [])
    assert pool.grow(request, 16)


def test_a_sample_that_ended_frees_its_own_blocks() -> None:
    pool, request = BlockPool(20), request_of(source=1, width=3)
    pool.grow(request, 20)
    kept = [[blocks[0], blocks[2]] for blocks in request.blocks]
    pool.shrink(request, keep=[0, 2])
    assert (request.blocks, pool.num_taken) == (kept, 1 + 2 * 2)


def test_a_beam_that_was_dropped_frees_nothing_before_the_request_ends() -> None:
    """One that lives on may refer to its blocks."""
    pool, request = BlockPool(20), request_of(source=1)
    request.search = IndependentSearch(make_search_config(), num_hypotheses=3)
    pool.grow(request, 20)
    pool.shrink(request, keep=[1])
    assert pool.num_taken == 1 + 3 * 2
    pool.take_back(request)
    assert pool.num_taken == 0


def test_blocks_for_the_longest_run_are_given_if_all_have_them() -> None:
    pool, requests = BlockPool(8), [request_of(source=1), request_of(source=1)]
    for request in requests:
        pool.grow(request, 1)
        request.num_computed = 10
    assert pool.grow_ahead(requests) == 16
    assert pool.num_taken == 2 * (1 + 2)


def test_without_blocks_for_all_a_run_ends_where_the_first_row_fills_its_last_block() -> None:
    pool, requests = BlockPool(5), [request_of(source=1), request_of(source=1)]
    for request, num_computed in zip(requests, (3, 10), strict=True):
        pool.grow(request, 1)
        request.num_computed = num_computed
    assert pool.grow_ahead(requests) == 6
    assert pool.num_taken == 2 * (1 + 1)


def test_a_row_that_cannot_grow_any_further_ends_no_run() -> None:
    pool, request = BlockPool(2), request_of(source=1, target=16)
    pool.grow(request, 1)
    request.num_computed = 12
    assert pool.grow_ahead([request]) == 16


@pytest.mark.parametrize(
    ("source", "target", "expected"), [(5, 100, 1 + 1), (40, 100, 3 + 3), (40, 20, 3 + 2)]
)
def test_an_output_is_expected_to_be_as_long_as_its_source_or_a_run(
    source: int, target: int, expected: int
) -> None:
    assert BlockPool(9).expected(request_of(source=source, target=target)) == expected


def test_a_block_that_no_request_holds_is_noticed() -> None:
    pool, request = BlockPool(4), request_of(source=1)
    pool.grow(request, 1)
    pool.check_holders([request])
    request.blocks = []
    with pytest.raises(RuntimeError, match=r"hold blocks \[0\], 2 are taken"):
        pool.check_holders([request])


def test_a_block_that_two_requests_hold_is_noticed() -> None:
    pool, request, other = BlockPool(4), request_of(source=1), request_of(source=1)
    pool.grow(request, 1)
    other.blocks = [[request.blocks[0][0]]]
    with pytest.raises(RuntimeError, match=r"hold blocks \[0, 1, 1\], 2 are taken"):
        pool.check_holders([request, other])
