"""Which rows hypotheses have once some of them branched and others died; plain integers."""

from collections.abc import Sequence


def inherit_rows(
    rows: Sequence[int], parents: Sequence[int]
) -> tuple[list[int], list[tuple[int, int]]]:
    """Each hypothesis inherits its parent's row; of several with one parent, all but one copy.

    rows = [3, 4, 5], parents = [1, 1, 0]: row 4 and a copy of it in 5, which nobody goes on from,
    then row 3 -> [4, 5, 3], copies [(4, 5)]

    Args:
        rows: of the hypotheses so far.
        parents: for each that lives on, which of these it continues.

    Returns:
        The rows of those that live on, and what to copy, (from row, to row).
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
