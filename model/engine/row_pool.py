"""Allocation of the rows of a fixed-size table; plain integers.

The taken rows are kept dense, 0 to n - 1, so that a step computes on one slice of each cache table
and never gathers. The next allocation refills a freed row; without one, the last row moves there.
"""

import heapq


class RowPool:
    """The rows 0 to capacity - 1, each free or taken."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._free = list(range(capacity))  # a heap: the lowest row is allocated first
        self._taken: set[int] = set()

    @property
    def num_free(self) -> int:
        return len(self._free)

    @property
    def num_taken(self) -> int:
        return len(self._taken)

    def allocate(self, num_rows: int) -> list[int] | None:
        """Return the lowest free rows, all or none: None if fewer are free."""
        if num_rows > len(self._free):
            return None
        rows = [heapq.heappop(self._free) for _ in range(num_rows)]
        self._taken.update(rows)
        return rows

    def free(self, row: int) -> None:
        """Free one row.

        Raises:
            KeyError: The row is not taken.
        """
        self._taken.remove(row)
        heapq.heappush(self._free, row)

    def compact(self) -> dict[int, int]:
        """Move the last taken rows into the holes below them.

            taken {0, 3, 4}  ->  moves {4: 1, 3: 2}, taken {0, 1, 2}

        Returns:
            New row of each row that moved. No new row is also an old one.
        """
        moves = {}
        for last in sorted(self._taken, reverse=True):
            if last < len(self._taken):
                break
            hole = heapq.heappop(self._free)
            self._taken.remove(last)
            self._taken.add(hole)
            heapq.heappush(self._free, last)
            moves[last] = hole
        return moves

    def check_invariants(self) -> None:
        """Raise RuntimeError if a row is neither free nor taken, or both."""
        rows = sorted([*self._free, *self._taken])
        if rows != list(range(self.capacity)):
            raise RuntimeError(
                f"{len(self._free)} free and {len(self._taken)} taken rows of {self.capacity}: "
                "one is lost, or held twice"
            )
