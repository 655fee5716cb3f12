"""Which rows of a fixed-size table are taken; plain integers.

The taken rows are kept dense, 0 to n - 1, so that a step computes on one slice of each cache table
and never gathers. A leaver's row is refilled by the next comer, or, if none comes, by the last row.
"""

import heapq


class SlotPool:
    """The rows 0 to capacity - 1, each free or taken."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._free = list(range(capacity))  # a heap: the lowest goes first
        self._taken: set[int] = set()

    @property
    def num_free(self) -> int:
        return len(self._free)

    @property
    def num_taken(self) -> int:
        return len(self._taken)

    def allocate(self, num_slots: int) -> list[int] | None:
        """The lowest free rows, or None when too few are free; never a part of them."""
        if num_slots > len(self._free):
            return None
        slots = [heapq.heappop(self._free) for _ in range(num_slots)]
        self._taken.update(slots)
        return slots

    def free(self, slot: int) -> None:
        """Gives one row back.

        Raises:
            KeyError: It was not taken.
        """
        self._taken.remove(slot)
        heapq.heappush(self._free, slot)

    def compact(self) -> dict[int, int]:
        """Fills the holes below the taken rows with the last of them.

            taken {0, 3, 4}  ->  moves {4: 1, 3: 2}, taken {0, 1, 2}

        Returns:
            Old row to new row of each that moved. No new row is also an old one.
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
        """Raises when a row is lost, or held twice."""
        rows = sorted([*self._free, *self._taken])
        if rows != list(range(self.capacity)):
            raise RuntimeError(
                f"{len(self._free)} free and {len(self._taken)} taken rows of {self.capacity}: "
                "one is lost, or held twice"
            )
