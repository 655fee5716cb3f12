"""Place an element that is around a part of a word, as in "H<sub>2</sub>O"."""

from service.text.markup.nodes import Node
from service.text.markup.points import Points
from service.text.markup.ties import Texts

_MAX_WORD = 200  # characters of a word that an element's text is looked for in


def part_in_word(texts: Texts, points: Points, node: Node) -> tuple[int, int] | None:
    """Return the part for an element inside of a word, found in the word's counterpart.

    None if it is not inside of one, or is to go around all of the counterpart.
    """
    source, target = texts.source, texts.target
    word = source.around(node.start)
    if word is None:
        word = source.around(node.stop)
    if word is None or node.start < source.starts[word] or node.stop > source.stops[word]:
        return None
    counterpart = points.counterpart(word)
    if counterpart is None:
        return None
    unit, is_same = counterpart
    offset: int | None = node.start - source.starts[word]
    own = source.text[node.start : node.stop]
    if not is_same:
        text = target.text_of(unit)
        if target.is_whole(unit) or len(text) > _MAX_WORD:
            return None
        offset = _offset_in_other(text, own, is_first=node.start == source.starts[word])
        if offset is None and not own.isalpha():
            return target.stops[unit], target.stops[unit]  # a note's number that did not come
    if offset is None:
        return None
    start = target.starts[unit] + offset
    return start, start + len(own)


def _offset_in_other(text: str, own: str, *, is_first: bool) -> int | None:
    """Return where an element's text is in another word, or an initial's place; None if nowhere."""
    if text.count(own) == 1:
        return text.index(own)
    is_initial = is_first and len(own) == 1 and own.isalpha() and text[:2].isalpha()
    return 0 if is_initial else None
