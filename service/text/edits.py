"""Replace parts of a text, and follow spans from the text to the result and back."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from service.spans import Span


@dataclass(frozen=True, slots=True)
class Edit:
    """`text` in place of the characters `start` to `stop` (exclusive)."""

    start: int
    stop: int
    text: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of the source and what the result has for it; `is_kept`: the same characters."""

    source: Span
    result: Span
    is_kept: bool


class Edited:
    """A text after edits.

    edited = Edited.of("Hi {name}!", [Edit(3, 9, "X1")])
    edited.text                     "Hi X1!"
    edited.to_source(Span(3, 5))    Span(3, 9)
    edited.to_result(Span(9, 10))   Span(5, 6)
    """

    def __init__(self, source: str, text: str, pieces: tuple[_Piece, ...]) -> None:
        self.source = source
        self.text = text
        self._pieces = pieces
        self._inverse = tuple(_Piece(p.result, p.source, p.is_kept) for p in pieces)

    @classmethod
    def of(cls, source: str, edits: Iterable[Edit] = ()) -> Self:
        """Apply the edits, which are in order and do not overlap.

        Raises:
            ValueError: An edit begins before the one before it ends, or ends outside the text.
        """
        parts: list[str] = []
        pieces: list[_Piece] = []
        at = length = 0

        def add(stop: int, text: str, *, is_kept: bool) -> None:
            nonlocal at, length
            if stop == at and not text:
                return
            parts.append(text)
            pieces.append(_Piece(Span(at, stop), Span(length, length + len(text)), is_kept))
            at, length = stop, length + len(text)

        for edit in edits:
            if not at <= edit.start <= edit.stop <= len(source):
                raise ValueError(f"{edit} after character {at} of a text of {len(source)}")
            add(edit.start, source[at : edit.start], is_kept=True)
            add(edit.stop, edit.text, is_kept=False)
        add(len(source), source[at:], is_kept=True)
        return cls(source, "".join(parts), tuple(pieces))

    @property
    def replaced(self) -> tuple[Span, ...]:
        """The spans of the result that edits wrote."""
        return tuple(piece.result for piece in self._pieces if not piece.is_kept)

    def to_source(self, span: Span) -> Span:
        """Return the span of the source that became `span` of the result; whole edits only."""
        return _follow(self._inverse, span, end=len(self.source))

    def to_result(self, span: Span) -> Span:
        """Return the span of the result that `span` of the source became; whole edits only."""
        return _follow(self._pieces, span, end=len(self.text))


def _follow(pieces: Sequence[_Piece], span: Span, *, end: int) -> Span:
    """Return where `span` of the pieces' sources lies among their results."""
    if not pieces:
        return Span(0, end)
    first = _at(pieces, span.start)
    start = _moved(first, span.start) if first.is_kept else first.result.start
    if span.stop <= span.start:
        return Span(start, start)
    last = _at(pieces, span.stop - 1)
    stop = _moved(last, span.stop) if last.is_kept else last.result.stop
    return Span(start, max(start, stop))


def _at(pieces: Sequence[_Piece], offset: int) -> _Piece:
    """Return the last piece that begins at or before `offset`."""
    index = bisect_right(pieces, offset, key=lambda piece: piece.source.start) - 1
    return pieces[max(index, 0)]


def _moved(piece: _Piece, offset: int) -> int:
    return min(piece.result.start + offset - piece.source.start, piece.result.stop)


class Chain:
    """A text after several rounds of edits, each made to the result of the one before."""

    def __init__(self, source: str, rounds: Sequence[Edited] = ()) -> None:
        self.source = source
        self._rounds = tuple(rounds)

    @property
    def text(self) -> str:
        """The result of the last round."""
        return self._rounds[-1].text if self._rounds else self.source

    def to_source(self, span: Span) -> Span:
        """Return the span of the source that became `span` of the result."""
        for edited in reversed(self._rounds):
            span = edited.to_source(span)
        return span

    def to_result(self, span: Span) -> Span:
        """Return the span of the result that `span` of the source became."""
        for edited in self._rounds:
            span = edited.to_result(span)
        return span
