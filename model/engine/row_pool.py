"""Allocation of the rows of a table that steps compute on.

The taken rows are kept dense, 0 to n - 1, so that a step computes on one slice of each cache table
and never gathers. The next allocation refills a freed row; without one, the last row moves there.
"""

import heapq

from model.engine.index_pool import IndexPool


class RowPool(IndexPool):
    """The rows 0 to capacity - 1, each free or taken."""

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
