"""Spans of tokens in a text, in characters (Unicode code points)."""

from collections.abc import Iterable, Sequence

CharSpan = tuple[int, int]  # start and stop, exclusive


def in_characters(spans: Iterable[CharSpan], text: str) -> list[CharSpan]:
    """Return spans of characters for spans of the bytes of the text's UTF-8, in order.

    A span that ends inside a character has the whole of it.
    """
    if text.isascii():
        return list(spans)
    starts: list[int] = []  # for each byte its character
    for place, char in enumerate(text):
        starts += [place] * len(char.encode())
    starts.append(len(text))
    return [(starts[a], starts[b - 1] + 1 if b > a else starts[a]) for a, b in spans]


def shared_with_next(spans: Sequence[CharSpan]) -> list[CharSpan]:
    """Return the spans, an empty one widened to that of the next token if this begins there.

    Where several tokens spell one character, libraries give all of it to the last:

        <0xC3> <0xA9>   (4, 4) (4, 5)   ->   (4, 5) (4, 5)
    """
    widened = list(spans)
    for place in range(len(widened) - 2, -1, -1):
        start, stop = widened[place]
        if start == stop == widened[place + 1][0]:
            widened[place] = widened[place + 1]
    return widened
