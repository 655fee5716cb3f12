"""Rows are given out whole, taken back once, and kept dense."""

import pytest

from model.engine.row_pool import RowPool


def make_pool(*, capacity: int = 5, taken: tuple[int, ...] = ()) -> RowPool:
    pool = RowPool(capacity)
    pool.allocate(capacity)
    for row in set(range(capacity)) - set(taken):
        pool.free(row)
    return pool


def test_the_lowest_free_rows_go_first() -> None:
    assert make_pool(taken=(0, 2)).allocate(2) == [1, 3]


def test_a_request_that_does_not_fit_takes_no_row() -> None:
    pool = make_pool(taken=(0, 1, 2))
    assert pool.allocate(3) is None
    assert (pool.num_free, pool.num_taken) == (2, 3)


def test_a_row_cannot_be_given_back_twice() -> None:
    pool = make_pool(taken=(3,))
    pool.free(3)
    with pytest.raises(KeyError):
        pool.free(3)


@pytest.mark.parametrize(
    ("taken", "moves"),
    [
        ((0, 3, 4), {4: 1, 3: 2}),
        ((4,), {4: 0}),
        ((1, 2, 3, 4), {4: 0}),
        ((0, 1), {}),
        ((), {}),
        ((0, 1, 2, 3, 4), {}),
    ],
)
def test_the_last_rows_fill_the_holes(taken: tuple[int, ...], moves: dict[int, int]) -> None:
    pool = make_pool(taken=taken)
    assert pool.compact() == moves
    pool.check_invariants()
    assert pool.allocate(pool.num_free) == list(range(len(taken), 5))  # so the others are dense


class LeakingPool(RowPool):
    """A faulty pool: a row that is given back is not free again."""

    def free(self, row: int) -> None:
        self._taken.remove(row)


class SharingPool(RowPool):
    """A faulty pool: a row that is taken stays free."""

    def allocate(self, num_rows: int) -> list[int] | None:
        rows = self._free[:num_rows]
        self._taken.update(rows)
        return rows


def test_a_lost_row_is_noticed() -> None:
    pool = LeakingPool(5)
    pool.allocate(1)
    pool.free(0)
    with pytest.raises(RuntimeError, match="4 free and 0 taken of 5"):
        pool.check_invariants()


def test_a_row_held_twice_is_noticed() -> None:
    pool = SharingPool(5)
    pool.allocate(1)
    with pytest.raises(RuntimeError, match="5 free and 1 taken of 5"):
        pool.check_invariants()
