"""The end of use: from it on, no index was taken since it was asked for the last time."""

from model.engine.index_pool import IndexPool


def test_an_unused_pool_ends_at_its_beginning() -> None:
    pool = IndexPool(5)
    pool.allocate(0)
    assert pool.end_of_use() == 0


def test_indices_that_were_freed_count_until_the_end_of_use_was_asked_for() -> None:
    pool = IndexPool(5)
    pool.allocate(4)
    for index in (1, 2, 3):
        pool.free(index)
    assert pool.end_of_use() == 4
    assert pool.end_of_use() == 1
    pool.free(0)
    assert pool.end_of_use() == 1
    assert pool.end_of_use() == 0


def test_taking_a_lower_index_leaves_the_end_of_use() -> None:
    pool = IndexPool(5)
    pool.allocate(3)
    pool.free(0)
    pool.allocate(1)
    assert pool.end_of_use() == 3
