"""Blocks: text as a reader sees it, and where in it the tags stand."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from service.spans import Span
from service.text.edits import Edit, Edited
from service.text.markup.references import BLANKS, Run
from service.text.masking import Protected
from service.text.words import has_words

_BLANKS = re.compile(f"[{BLANKS}]+")


@dataclass(frozen=True, slots=True)
class Mark:
    """A tag, comment or hidden element before character `position` of a block's text.

    Attributes:
        position: 0 to the length of the text.
        start: Where it begins in the source.
        raw: Its characters in the source, with white space after it that no reader sees.
        pair: The number of the pair of tags that it belongs to; None if it stands alone.
        opens: Whether it is the opening tag of its pair.
    """

    position: int
    start: int
    raw: str
    pair: int | None
    opens: bool

    @property
    def stop(self) -> int:
        return self.start + len(self.raw)

    def moved(self, distance: int) -> "Mark":
        """Return the mark `distance` characters of the text further on."""
        return Mark(self.position + distance, self.start, self.raw, self.pair, self.opens)


class Piece(NamedTuple):
    """Characters `start` to `stop` of a block's text, and those of the source that show as them.

    A `plain` piece has the same characters in both; a `reference` is written otherwise; a `whole`
    one is white space or a copied element. Of the last two, all or nothing is translated.
    """

    start: int
    stop: int
    source_start: int
    source_stop: int
    kind: Literal["plain", "reference", "whole"]


@dataclass(frozen=True, slots=True)
class Block:
    """Inline content between two boundaries.

    Attributes:
        text: What a reader sees, references decoded, white space collapsed as in a browser.
        marks: Tags in the order of the source.
        opaque: Parts of the text that stand for an element that is copied, with its markup.
        source: The whole document.
        start: Where the block begins in the source.
        stop: Where it ends.
        pieces: The parts of `text`, in order.
    """

    text: str
    marks: tuple[Mark, ...]
    opaque: tuple[Protected, ...]
    source: str = field(repr=False)
    start: int
    stop: int
    pieces: tuple[Piece, ...] = field(repr=False)

    @property
    def raw(self) -> str:
        return self.source[self.start : self.stop]

    def pieces_in(self, span: Span) -> Sequence[Piece]:
        """Return the pieces that overlap a span of the text."""
        first = bisect_right(self.pieces, span.start, key=lambda piece: piece.start) - 1
        return self.pieces[first : bisect_left(self.pieces, span.stop, key=lambda p: p.start)]

    def marks_in(self, span: Span) -> Sequence[Mark]:
        """Return the marks at both ends of a span and between."""
        first = bisect_left(self.marks, span.start, key=lambda mark: mark.position)
        return self.marks[first : bisect_right(self.marks, span.stop, key=lambda m: m.position)]

    def opaque_in(self, span: Span) -> Sequence[Protected]:
        """Return the copied elements inside of a span of the text."""
        first = bisect_left(self.opaque, span.start, key=lambda opaque: opaque.start)
        return self.opaque[first : bisect_left(self.opaque, span.stop, key=lambda o: o.start)]

    def piece_at(self, position: int) -> Piece:
        """Return the piece that character `position` of the text belongs to."""
        return self.pieces[bisect_right(self.pieces, position, key=lambda piece: piece.start) - 1]

    def source_start(self, position: int) -> int:
        """Return where character `position` of the text begins in the source."""
        piece = self.piece_at(position)
        return piece.source_start + (position - piece.start if piece.kind == "plain" else 0)

    def source_stop(self, position: int) -> int:
        """Return where the source of the text before `position` ends."""
        piece = self.piece_at(position - 1)
        if piece.kind == "plain":
            return piece.source_start + position - piece.start
        return piece.source_stop


class BlockBuilder:
    """Gathers the runs, marks and opaque elements of one block, in order."""

    def __init__(self, source: str, start: int) -> None:
        self._source = source
        self._start = start
        self._texts: list[str] = []
        self._pieces: list[Piece] = []
        self._marks: list[Mark] = []
        self._opaque: list[Protected] = []
        self._length = 0

    def add_run(self, run: Run, *, keeps_space: bool = False) -> None:
        """Add text; white space only after a character that is not, and as one blank."""
        if run.kind == "unknown":
            self.add_opaque(run.start, run.stop, "X")
        elif run.kind != "blank" or keeps_space:
            self._add(run.text, run.start, run.stop, "reference")
        elif self._texts and self._texts[-1] != " ":
            self._add(" ", run.start, run.stop)
        elif self._marks and self._marks[-1].stop == run.start:
            last = self._marks[-1]
            raw = self._source[last.start : run.stop]
            self._marks[-1] = Mark(last.position, last.start, raw, last.pair, last.opens)

    def add_opaque(self, start: int, stop: int, text: str) -> None:
        """Add an element that is copied, which a reader sees as `text`."""
        self._opaque.append(
            Protected(self._length, self._length + len(text), self._source[start:stop])
        )
        self._add(text, start, stop)

    def add_mark(
        self, start: int, stop: int, *, pair: int | None = None, opens: bool = False
    ) -> None:
        """Add a tag or what else no reader sees."""
        self._marks.append(Mark(self._length, start, self._source[start:stop], pair, opens))

    def build(self, stop: int) -> Block | None:
        """Return the block; None if it has no words besides those that are copied."""
        if len(self._texts) == len(self._opaque):
            return None
        if self._texts[-1] == " ":
            self._texts.pop()
            self._pieces.pop()
            self._length -= 1
        text = "".join(self._texts)
        others = [Edit(span.start, span.stop, " ") for span in self._opaque]
        if not has_words(Edited.of(text, others).text):
            return None
        return Block(
            text,
            tuple(self._clamped(mark) for mark in self._marks),
            tuple(self._opaque),
            self._source,
            self._start,
            stop,
            tuple(self._pieces),
        )

    def _add(
        self, text: str, start: int, stop: int, kind: Literal["reference", "whole"] = "whole"
    ) -> None:
        end = self._length + len(text)
        is_plain = stop - start == len(text) and self._source.startswith(text, start)
        self._texts.append(text)
        self._pieces.append(Piece(self._length, end, start, stop, "plain" if is_plain else kind))
        self._length = end

    def _clamped(self, mark: Mark) -> Mark:
        """Move a mark after white space that ends the block before it."""
        if mark.position <= self._length:
            return mark
        return mark.moved(self._length - mark.position)


def visible(runs: Sequence[Run]) -> str:
    """Return what a reader sees of the runs, white space collapsed and none around it."""
    return _BLANKS.sub(" ", "".join(run.text for run in runs)).strip(" ")
