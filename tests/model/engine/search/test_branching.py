"""Cache rows of hypotheses that branch."""

import pytest

from model.engine.search.branching import inherit_rows


@pytest.mark.parametrize(
    ("parents", "inherited", "copies"),
    [
        ([0, 1, 2], [3, 4, 5], []),
        ([2, 0, 1], [5, 3, 4], []),
        ([1, 1, 0], [4, 5, 3], [(4, 5)]),
        ([2, 2, 2], [5, 4, 3], [(5, 4), (5, 3)]),
        ([1], [4], []),
    ],
)
def test_each_parent_gives_its_row_to_one_and_a_copy_to_the_others(
    parents: list[int], inherited: list[int], copies: list[tuple[int, int]]
) -> None:
    assert inherit_rows([3, 4, 5], parents) == (inherited, copies)
