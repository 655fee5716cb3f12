"""Cache rows of hypotheses after some branched and others were dropped; plain integers."""

from collections.abc import Sequence


def inherit_rows(
    rows: Sequence[int], parents: Sequence[int]
) -> tuple[list[int], list[tuple[int, int]]]:
    """Give each hypothesis its parent's row, or a copy of it if the parent has several children.

    rows = [3, 4, 5], parents = [1, 1, 0]: row 4, a copy of row 4 in the unused row 5, and row 3
    -> [4, 5, 3], copies [(4, 5)]

    Args:
        rows: Of the former hypotheses.
        parents: For each live hypothesis, the index of the former one that it continues.

    Returns:
        The rows of the live hypotheses, and the copies to make, (from row, to row).
    """
    claimed = {parent: rows[parent] for parent in parents}
    spare = [row for row in rows if row not in claimed.values()]
    inherited: list[int] = []
    copies: list[tuple[int, int]] = []
    for parent in parents:
        row = claimed.pop(parent, None)
        if row is None:
            row = spare.pop()
            copies.append((rows[parent], row))
        inherited.append(row)
    return inherited, copies
