"""Find the point of a translation for a point between two words of the source."""

from bisect import bisect_left

from service.text.markup.nodes import Node
from service.text.markup.room import Room
from service.text.markup.ties import Anchors, Texts


class Points:
    """Points of one element's part of a translation, found by the linked words around them."""

    def __init__(self, texts: Texts, room: Room, node: Node, anchors: Anchors) -> None:
        self._texts = texts
        self._source = texts.source
        self._target = texts.target
        self._room = room
        self._node = node
        self._anchors = anchors
        self._counterparts: dict[int, tuple[int, bool] | None] = {}

    def at(self, source: int) -> int:
        """Return the point of the translation for a point of the source.

        It is beside the unit linked with the word that the source's point touches (the one before,
        if it touches both), else by proportion between the nearest linked words.
        """
        node, room = self._node, self._room
        if source <= node.start or source >= node.stop:
            return room.start if source <= node.start else room.stop
        inside = self._in_word(source)
        if inside is not None:
            return room.outside(inside)
        is_attached = not self._source.text[source - 1].isspace()
        before, after = self._anchors.before(source), self._anchors.after(source)
        if is_attached and before is not None and before.stop == source:
            return room.outside(self._target.stops[before.units[-1]])
        if after is not None and after.start == source:
            return room.outside(self._target.starts[after.units[0]])
        point = self._snap(round(self.proportional(source)), is_attached=is_attached)
        return room.outside(point)

    def counterpart(self, unit: int) -> tuple[int, bool] | None:
        """Return the unit of the translation for a unit of the source, and whether it is the same.

        None if unknown.
        """
        if unit not in self._counterparts:
            self._counterparts[unit] = self._find_counterpart(unit)
        return self._counterparts[unit]

    def between(self, start: int, stop: int) -> tuple[int, int]:
        """Return the part of the translation between the linked words around a source's part.

        It is empty if those have changed their order.
        """
        before, after = self._anchors.before(start), self._anchors.after(stop)
        first = self._room.start if before is None else self._target.stops[before.units[-1]]
        last = self._room.stop if after is None else self._target.starts[after.units[0]]
        return first, max(first, last)

    def proportional(self, source: int) -> float:
        """Return the point by proportion between the nearest linked words on both sides."""
        before, after = self._anchors.before(source), self._anchors.after(source)
        source_start = self._node.start if before is None else before.stop
        source_stop = self._node.stop if after is None else after.start
        start = self._room.start if before is None else self._target.stops[before.units[-1]]
        stop = self._room.stop if after is None else self._target.starts[after.units[0]]
        if start > stop:
            is_nearer_start = source - source_start <= source_stop - source
            return start if is_nearer_start else stop
        length = source_stop - source_start
        return start + (stop - start) * (source - source_start) / length if length else start

    def _find_counterpart(self, unit: int) -> tuple[int, bool] | None:
        source, target = self._source, self._target
        tie = self._anchors.of(source.starts[unit], source.stops[unit])
        if tie is None:
            inside = target.inside(self._room.start, self._room.stop)
            same = next(self._texts.same(source.text_of(unit), inside), None)
            return None if same is None else (same, not target.is_whole(same))
        is_same = target.text_of(tie.unit) == source.text_of(unit)
        return tie.unit, is_same and not target.is_whole(tie.unit)

    def _in_word(self, source: int) -> int | None:
        """Return the point for one inside of a word: inside only of the same word, else after."""
        word = self._source.around(source)
        if word is None:
            return None
        counterpart = self.counterpart(word)
        if counterpart is None:
            return None
        unit, is_same = counterpart
        if is_same:
            return self._target.starts[unit] + source - self._source.starts[word]
        return self._target.stops[unit]

    def _snap(self, point: int, *, is_attached: bool) -> int:
        """Return the nearest point between units: after one if attached, else before one."""
        ends = self._target.stops if is_attached else self._target.starts
        index = bisect_left(ends, point)
        near = [*ends[max(index - 1, 0) : index + 1], self._room.start, self._room.stop]
        return min(near, key=lambda end: abs(end - point))
