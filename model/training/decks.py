"""Endless, resumable sampling without replacement: every item once before any item twice."""

import random
from collections.abc import Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Deck(Generic[Item]):
    """Items in random order, shuffled again after each pass.

    The next items depend only on the seed and on `dealt`, the number of items so far: to resume,
    restore that number.
    """

    def __init__(self, items: Sequence[Item], *, seed: str) -> None:
        """Shuffle for the first time.

        Args:
            items: At least one.
            seed: Decks of different seeds have unrelated orders.
        """
        if not items:
            raise ValueError(f"deck {seed!r} has no items")
        self._items = items
        self._seed = seed
        self._order: list[int] = []
        self._pass = -1  # the pass through the items that `_order` belongs to
        self.dealt = 0

    def __len__(self) -> int:
        return len(self._items)

    def deal(self, count: int) -> list[Item]:
        """Return the next items, possibly over several passes."""
        return [self._next() for _ in range(count)]

    def _next(self) -> Item:
        number, index = divmod(self.dealt, len(self._items))
        if number != self._pass:
            self._order = list(range(len(self._items)))
            random.Random(f"{self._seed}-{number}").shuffle(self._order)
            self._pass = number
        self.dealt += 1
        return self._items[self._order[index]]
