"""Allocation of the indices of a fixed-size table; plain integers."""

import heapq


class IndexPool:
    """The indices 0 to capacity - 1, each free or taken."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._free = list(range(capacity))  # a heap: the lowest index is allocated first
        self._taken: set[int] = set()
        self._end = 0  # of the indices that were taken since `end_of_use`

    @property
    def num_free(self) -> int:
        return len(self._free)

    @property
    def num_taken(self) -> int:
        return len(self._taken)

    def allocate(self, count: int) -> list[int] | None:
        """Return the lowest free indices, all or none: None if fewer are free."""
        if count > len(self._free):
            return None
        indices = [heapq.heappop(self._free) for _ in range(count)]
        self._taken.update(indices)
        if indices:
            self._end = max(self._end, indices[-1] + 1)
        return indices

    def free(self, index: int) -> None:
        """Free one index.

        Raises:
            KeyError: The index is not taken.
        """
        self._taken.remove(index)
        heapq.heappush(self._free, index)

    def end_of_use(self) -> int:
        """Return the first index from which on none was taken at any time since the last call."""
        end, self._end = self._end, max(self._taken, default=-1) + 1
        return end

    def check_invariants(self) -> None:
        """Raise RuntimeError if an index is neither free nor taken, or both."""
        indices = sorted([*self._free, *self._taken])
        if indices != list(range(self.capacity)):
            raise RuntimeError(
                f"{len(self._free)} free and {len(self._taken)} taken of {self.capacity}: "
                "one is lost, or held twice"
            )
