"""Share out an element's part of a translation among its children."""

from bisect import bisect_left
from collections.abc import Sequence

from service.text.markup.edges import around_words, with_edges
from service.text.markup.nodes import Node
from service.text.markup.parts import Parts, Wish
from service.text.markup.points import Points
from service.text.markup.room import Room
from service.text.markup.ties import Anchors, Texts, Tie, Weights

_ROUNDING = 1e-9  # sums of weights that differ by less are equal


class Level:
    """The children of one node, and the node's part of the translation."""

    def __init__(self, texts: Texts, node: Node, ties: Sequence[Tie]) -> None:
        """Take the ties of the node's words; those with units elsewhere do not count."""
        self._texts = texts
        self._source = texts.source
        self._target = texts.target
        self._node = node
        self._room = Room(*node.place)
        units = self._target.inside(*node.place)
        self._ties = [tie for tie in ties if tie.unit in units]
        self._weights = Weights(self._ties)
        self._points = Points(texts, self._room, node, Anchors(self._ties))

    def arrange(self) -> list[tuple[Node, list[Tie]]]:
        """Set the places of all children; return them with the ties of their words.

        Those with the surest links choose first. What has no content, or finds no word, goes to a
        point between words at last.
        """
        wishes = self._wishes()
        for wish in wishes:
            if wish.node.begins_before:
                self._place_begun(wish)
            elif wish.node.ends_after:
                self._place_unended(wish)
        waiting = [w for w in wishes if not (w.node.begins_before or w.node.ends_after)]
        waiting.sort(key=lambda wish: -sum(wish.own.values()))
        placed = {id(wish.node) for wish in wishes}
        parts = Parts(self._texts, self._room, self._node, self._points, self._weights)
        for wish in waiting:
            part = parts.find(wish)
            if part is None:
                placed.remove(id(wish.node))
            else:
                wish.node.place = part
                self._room.take(*part)
        for node in self._node.children:
            if id(node) not in placed:
                self._place_at_point(node)
        ties = {id(wish.node): wish.ties for wish in wishes}
        return [(node, ties.get(id(node), [])) for node in self._node.children]

    def _wishes(self) -> list[Wish]:
        """Return the children that have words or signs of the source, with their ties."""
        wishes = [
            Wish(node)
            for node in self._node.children
            if node.begins_before or node.ends_after or self._source.touching(node.start, node.stop)
        ]
        stops = [wish.node.stop for wish in wishes]
        for tie in self._ties:
            for index in range(bisect_left(stops, tie.start + 1), len(wishes)):
                wish = wishes[index]
                overlap = min(tie.stop, wish.node.stop) - max(tie.start, wish.node.start)
                if overlap <= 0:
                    break
                wish.ties.append(tie)
                share = tie.weight * overlap / (tie.stop - tie.start)
                wish.own[tie.unit] = wish.own.get(tie.unit, 0.0) + share
        return wishes

    def _place_begun(self, wish: Wish) -> None:
        """Place what begins in an earlier segment: from the start to a point."""
        node, room = wish.node, self._room
        stop = self._points.at(node.stop)
        part = around_words(self._texts, room, self._node, node)
        if part is not None:
            stop = part[1]
        elif wish.own:
            num_own = self._best_split(wish.own, is_late=True)
            stop = self._target.stops[self._weights.units[num_own - 1]] if num_own else room.start
        stop = with_edges(self._texts, room, node, (room.start, stop))[1]
        node.place = (room.start, room.outside(stop))
        room.start = node.place[1]

    def _place_unended(self, wish: Wish) -> None:
        """Place what ends in a later segment: from a point to the end."""
        node, room = wish.node, self._room
        start = self._points.at(node.start)
        part = around_words(self._texts, room, self._node, node)
        if part is not None:
            start = part[0]
        elif wish.own:
            others = {
                unit: self._weights.of[unit] - wish.own.get(unit, 0.0)
                for unit in self._weights.units
            }
            num_others = self._best_split(others, is_late=False)
            if num_others < len(self._weights.units):
                start = self._target.starts[self._weights.units[num_others]]
        start = with_edges(self._texts, room, node, (start, room.stop))[0]
        node.place = (room.outside(start), room.stop)
        room.stop = node.place[0]

    def _best_split(self, before: dict[int, float], *, is_late: bool) -> int:
        """Return how many linked units to cut off so that their weight is most in its place.

        Args:
            before: The weight of each unit that belongs before the cut; the rest belongs after.
            is_late: Prefer the last of cuts that are as good, not the first.
        """
        value = sum(self._weights.of.values()) - sum(before.values())
        best, best_value = 0, value
        for index, unit in enumerate(self._weights.units, start=1):
            own = before.get(unit, 0.0)
            value += own - (self._weights.of[unit] - own)
            if value > best_value + _ROUNDING or (is_late and value >= best_value - _ROUNDING):
                best, best_value = index, value
        return best

    def _place_at_point(self, node: Node) -> None:
        """Place an element without words, or one for which there are none, between two words."""
        point = self._points.at(node.start)
        is_blank = node.start < node.stop and self._source.text[node.start : node.stop].isspace()
        has_blank = is_blank and self._target.text[point : point + 1].isspace()
        stop = point + 1 if has_blank and self._room.is_free(point, point + 1) else point
        node.place = (point, stop)
        self._room.take(point, stop)
