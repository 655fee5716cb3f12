"""Fit the ends of an element to the signs and the white space beside them."""

from service.text.markup.nodes import Node
from service.text.markup.room import Room
from service.text.markup.ties import Texts
from service.text.markup.units import Units

_MAX_SIGNS = 3  # of a run at an edge that are looked at


def around_words(texts: Texts, room: Room, parent: Node, node: Node) -> tuple[int, int] | None:
    """Return the part for a child that has all words of its parent: all but the signs outside.

    None if others have words, or if nothing is left.
    """
    if (node.start, node.stop) == (parent.start, parent.stop):
        return room.start, room.stop
    source, target = texts.source, texts.target
    num_words = source.num_words(parent.start, parent.stop)
    if not num_words or num_words != source.num_words(node.start, node.stop):
        return None
    units = target.inside(room.start, room.stop)
    first, last = units.start, units.stop - 1
    before = source.inside(parent.start, node.start)
    after = source.inside(node.stop, parent.stop)
    for _ in before[:_MAX_SIGNS]:
        first += first <= last and not target.is_word(first)
    for _ in after[:_MAX_SIGNS]:
        last -= first <= last and not target.is_word(last)
    if first > last:
        return None
    start = target.starts[first] if parent.start < node.start else room.start
    stop = target.stops[last] if node.stop < parent.stop else room.stop
    return (start, stop) if room.is_free(start, stop) else None


def with_edges(texts: Texts, room: Room, node: Node, part: tuple[int, int]) -> tuple[int, int]:
    """Return the part with the signs and blanks at its edges that the source has inside of them."""
    source, target = texts.source, texts.target
    start, stop = part
    own = source.touching(node.start, node.stop)
    units = target.inside(start, stop)
    if own and units:
        first, last = units.start, units.stop - 1
        while first < last and source.is_word(own[-1]) and not target.is_word(last):
            last -= 1
        while first < last and source.is_word(own[0]) and not target.is_word(first):
            first += 1
        start = target.starts[first] if first > units.start else start
        stop = target.stops[last] if last < units.stop - 1 else stop
        stop = _with_signs_after(target, room, stop, _num_signs(source, own[::-1]))
        start = _with_signs_before(target, room, start, _num_signs(source, own))
    text = source.text
    if text[node.stop - 1].isspace() and _is_free_blank(target.text, room, stop):
        stop += 1
    if text[node.start].isspace() and _is_free_blank(target.text, room, start - 1):
        start -= 1
    return start, stop


def _num_signs(units: Units, order: range) -> int:
    """Return how many units, in this order, are signs before the first word; a few at most."""
    num_signs = 0
    for unit in order[:_MAX_SIGNS]:
        if units.is_word(unit):
            break
        num_signs += 1
    return num_signs


def _with_signs_after(target: Units, room: Room, stop: int, num_signs: int) -> int:
    """Return the end of a part with signs that follow it at once, unless it ends with a sign."""
    unit = target.inside(0, stop).stop
    if unit and target.is_word(unit - 1):
        for sign in range(unit, min(unit + num_signs, len(target))):
            end = target.stops[sign]
            if target.starts[sign] != stop or target.is_word(sign) or not room.is_free(stop, end):
                break
            stop = end
    return stop


def _with_signs_before(target: Units, room: Room, start: int, num_signs: int) -> int:
    """Return the start of a part with signs right before it, unless it begins with a sign."""
    unit = target.inside(start, len(target.text)).start
    if unit < len(target) and target.is_word(unit):
        for sign in range(unit - 1, max(unit - 1 - num_signs, -1), -1):
            begin = target.starts[sign]
            if target.stops[sign] != start or target.is_word(sign):
                break
            if not room.is_free(begin, start):
                break
            start = begin
    return start


def _is_free_blank(text: str, room: Room, position: int) -> bool:
    return text[position : position + 1].isspace() and room.is_free(position, position + 1)
