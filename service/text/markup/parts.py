"""Find the part of a translation that an element goes around."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from service.text.markup.edges import around_words, with_edges
from service.text.markup.in_word import part_in_word
from service.text.markup.nodes import Node
from service.text.markup.points import Points
from service.text.markup.room import Room
from service.text.markup.ties import Texts, Tie, Weights

_OTHERS_COST = 0.5  # of another's word inside of an element, beside 1 for each of its own
_MAX_SAME_TEXT = 200  # characters of an element whose text is looked for in the translation
_ROUNDING = 1e-9  # sums of weights that differ by less are equal


@dataclass(slots=True, eq=False)
class Wish:
    """A child, its ties, and for each unit of the translation the weight of those."""

    node: Node
    ties: list[Tie] = field(default_factory=list)
    own: dict[int, float] = field(default_factory=dict)


class Parts:
    """Finds free parts of a room for children with words."""

    def __init__(
        self, texts: Texts, room: Room, parent: Node, points: Points, weights: Weights
    ) -> None:
        self._texts = texts
        self._source = texts.source
        self._target = texts.target
        self._room = room
        self._parent = parent
        self._points = points
        self._weights = weights

    def find(self, wish: Wish) -> tuple[int, int] | None:
        """Return the part of the room for an element with words; None if it finds none."""
        node = wish.node
        part = around_words(self._texts, self._room, self._parent, node)
        if part is not None:
            return part
        part = part_in_word(self._texts, self._points, node)
        if part is not None:
            return part if self._room.is_free(*part) else None
        part = self._best_run(wish.own)
        if part is not None:
            part = self._with_unlinked(wish, part)
        else:
            part = self._same_text(node) or self._free_between(node)
        return with_edges(self._texts, self._room, node, part) if part is not None else None

    def _best_run(self, own: dict[int, float]) -> tuple[int, int] | None:
        """Return the run of units with most of an element's links and fewest of others.

        The run of the greatest sum, found in one pass (Kadane).
        """
        best: tuple[int, int] | None = None
        best_value = value = 0.0
        run_start = 0
        last: int | None = None
        for unit in sorted(own):
            start, stop = self._target.starts[unit], self._target.stops[unit]
            if not self._room.is_free(start, stop):
                continue
            gain = own[unit] - _OTHERS_COST * (self._weights.of[unit] - own[unit])
            value -= self._cost_between(last, unit) if last is not None else 0.0
            if value <= 0.0 or last is None:
                run_start, value = start, 0.0
            value, last = value + gain, unit
            if best is None or value > best_value + _ROUNDING:
                best, best_value = (run_start, stop), value
        return best

    def _with_unlinked(self, wish: Wish, part: tuple[int, int]) -> tuple[int, int]:
        """Add words beside the part that nothing is linked with, as many as the element has.

        Those at the element's end count after the part, those at its beginning before it.
        """
        start, stop = part
        target = self._target
        last_linked = max(tie.stop for tie in wish.ties)
        first_linked = min(tie.start for tie in wish.ties)
        after = target.inside(stop, self._room.stop)
        for unit in after[: self._source.num_words(last_linked, wish.node.stop)]:
            if not self._is_unlinked(unit):
                break
            stop = target.stops[unit]
        before = target.inside(self._room.start, start)[::-1]
        for unit in before[: self._source.num_words(wish.node.start, first_linked)]:
            if not self._is_unlinked(unit):
                break
            start = target.starts[unit]
        return start, stop

    def _is_unlinked(self, unit: int) -> bool:
        is_word = self._target.is_word(unit) and unit not in self._weights.of
        return is_word and self._room.is_free(self._target.starts[unit], self._target.stops[unit])

    def _cost_between(self, last: int, unit: int) -> float:
        """Return the cost of the units between two in one element; infinite if one is taken."""
        if not self._room.is_free(self._target.stops[last], self._target.starts[unit]):
            return math.inf
        return _OTHERS_COST * self._weights.between(last, unit)

    def _same_text(self, node: Node) -> tuple[int, int] | None:
        """Return where the translation has the element's own text."""
        if node.stop - node.start > _MAX_SAME_TEXT:
            return None
        own = self._source.text[node.start : node.stop].strip()
        first = self._source.touching(node.start, node.stop)[0]
        inside = self._target.inside(self._room.start, self._room.stop)
        for unit in self._texts.same(self._source.text_of(first), inside):
            start = self._target.starts[unit]
            stop = start + len(own)
            is_same = self._target.text.startswith(own, start) and self._target.around(stop) is None
            if is_same and self._room.is_free(start, stop):
                return start, stop
        return None

    def _free_between(self, node: Node) -> tuple[int, int] | None:
        """Return free units by proportion between the linked words around the element."""
        target, room = self._target, self._room
        units = target.inside(*self._points.between(node.start, node.stop))
        if not units:
            return None
        start = self._points.proportional(node.start)
        stop = self._points.proportional(node.stop)
        first = _nearest(target.starts, start, units)
        last = max(_nearest(target.stops, stop, units), first)
        while first < last and first in self._weights.of:
            first += 1
        while first < last and last in self._weights.of:
            last -= 1
        while (part := room.taken(target.starts[first], target.stops[first])) is not None:
            first = target.inside(part[1], len(target.text)).start
            if first > last:
                return None
        after = room.taken(target.starts[first], target.stops[last])
        if after is not None:
            last = target.inside(0, after[0]).stop - 1
        start, stop = target.starts[first], target.stops[last]
        return (start, stop) if first <= last and room.is_free(start, stop) else None


def _nearest(positions: Sequence[int], position: float, units: range) -> int:
    """Return which of the units has the position nearest to another."""
    index = bisect_left(positions, position, units.start, units.stop)
    near = [unit for unit in (index - 1, index) if unit in units]
    return min(near, key=lambda unit: abs(positions[unit] - position))
