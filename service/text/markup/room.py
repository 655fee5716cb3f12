"""The part of a translation that the children of one element share out."""

from bisect import bisect_left, insort


class Room:
    """Characters `start` to `stop` of a translation, and the parts that children have of them."""

    def __init__(self, start: int, stop: int) -> None:
        self.start = start
        self.stop = stop
        self._parts: list[tuple[int, int]] = []

    def take(self, start: int, stop: int) -> None:
        """Give a part to a child; it must be free."""
        if start < stop:
            insort(self._parts, (start, stop))

    def is_free(self, start: int, stop: int) -> bool:
        return self.start <= start and stop <= self.stop and self.taken(start, stop) is None

    def taken(self, start: int, stop: int) -> tuple[int, int] | None:
        """Return the first part that has a character of `start` to `stop`."""
        index = bisect_left(self._parts, (start + 1,))
        if index and self._parts[index - 1][1] > start:
            return self._parts[index - 1]
        if index < len(self._parts) and self._parts[index][0] < stop:
            return self._parts[index]
        return None

    def outside(self, position: int) -> int:
        """Return the position in the room, moved out of the part that it is inside of."""
        position = min(max(position, self.start), self.stop)
        part = self.taken(position, position + 1)
        if part is None or part[0] == position:
            return position
        return part[0] if position - part[0] < part[1] - position else part[1]
