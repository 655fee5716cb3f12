"""Cut a block into segments, and write a segment's translation with its tags.

    cut = cut_block(block, [Span(0, 11)])
    cut.lead                        markup before the first segment
    cut.segments[0].text            "Press Save."
    cut.segments[0].place("Speichern wählen.", links)       "<b>Speichern</b> wählen."
    cut.segments[0].gap             markup up to the next segment, or the end of the block

Lead, then each segment's markup with its gap, are the block's markup: they can be sent in order,
each as soon as it is there. A pair of tags may begin in one segment and end in another.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from service.spans import Link, Span
from service.text.edits import Edit, Edited
from service.text.markup.blocks import Block, Mark
from service.text.markup.placing import place
from service.text.markup.references import Writer, forms_of
from service.text.masking import Protected

_ELSEWHERE = sys.maxsize  # a position after any text


@dataclass(frozen=True, slots=True)
class MarkedSegment:
    """A part of a block's text that is translated at once, with the tags inside.

    Attributes:
        text: What is translated.
        opaque: Parts of `text` that stand for an element that is copied, with its markup.
        gap: The markup from here to the next segment, or to the end of the block.
        span: Where `text` is in the block's text.
        raw: Its markup in the source.
        marks: The tags inside, in order.
        forms: How the source writes the characters that mean something in markup.
    """

    text: str
    opaque: tuple[Protected, ...]
    gap: str
    span: Span
    raw: str
    marks: tuple[Mark, ...] = field(repr=False)
    forms: dict[str, list[str]] = field(repr=False)

    @property
    def is_its_own_text(self) -> bool:
        """True if it has no markup at all, so that a translation is only to be escaped."""
        has_markup = bool(self.marks or self.opaque or any(self.forms.values()))
        return self.raw == self.text and not has_markup

    def place(
        self,
        translation: str,
        links: Sequence[Link] = (),
        opaque: Sequence[Span] = (),
        kept: Sequence[tuple[Span, Span]] = (),
    ) -> str:
        """Return the markup of a translation: every tag once, well nested, the text escaped.

        A translation that equals the source gives the source's own markup.

        Args:
            translation: A text in which `opaque` elements stand as markup.
            links: Which words of `text` and of `translation` belong together.
            opaque: Where in `translation` copied elements are, in order. Those of the segment that
                are not among them are placed as tags are.
            kept: Other parts of `text` and where they are in `translation`: no tag stands in one,
                unless it did so in the source.
        """
        edits = [Edit(span.start, span.stop, span.replacement) for span in self.opaque]
        if translation == Edited.of(self.text, edits).text:
            return self.raw
        writer = Writer(self.forms)
        return place(self, translation, links=links, opaque=opaque, kept=kept, writer=writer)


@dataclass(frozen=True, slots=True)
class CutBlock:
    """A block as segments: `lead` (markup), then each segment followed by its gap."""

    lead: str
    segments: tuple[MarkedSegment, ...]

    def reassemble(self, placed: Sequence[str]) -> str:
        """Return the block's markup with each segment's replaced; one string for each segment."""
        pairs = zip(placed, self.segments, strict=True)
        return self.lead + "".join(markup + segment.gap for markup, segment in pairs)


def cut_block(block: Block, spans: Sequence[Span]) -> CutBlock:
    """Cut a block at spans of its text, in order and without overlap.

    A span that begins or ends inside of a copied element, or of a character reference for two
    characters, is widened; two that then meet become one. Each segment states its `span`.
    """
    positions = _positions_of_pairs(block.marks)
    cuts = [_Cut.of(block, span, positions) for span in _widened(block, spans)]
    ends = [cut.start for cut in cuts[1:]] + [block.stop]
    source = block.source
    return CutBlock(
        source[block.start : cuts[0].start if cuts else block.stop],
        tuple(
            cut.segment(block, gap=source[cut.stop : end])
            for cut, end in zip(cuts, ends if cuts else [], strict=True)
        ),
    )


@dataclass(frozen=True, slots=True)
class _Cut:
    """A span of a block's text, its tags, and the characters of the source for both."""

    span: Span
    marks: Sequence[Mark]
    start: int
    stop: int

    @classmethod
    def of(cls, block: Block, span: Span, positions: Mapping[int, Span]) -> Self:
        """Take the tags inside of the span, and those at its ends whose partner is inside.

        A pair around all of the span stays outside: it is around the translation, too.
        """

        def is_inside(position: int) -> bool:
            return span.start < position < span.stop

        def is_owned(mark: Mark) -> bool:
            if is_inside(mark.position):
                return True
            if mark.pair is None:
                return False
            pair = positions[mark.pair]
            if mark.opens:
                return mark.position == span.start and is_inside(pair.stop)
            return mark.position == span.stop and is_inside(pair.start)

        marks = block.marks_in(span)
        owned = [index for index, mark in enumerate(marks) if is_owned(mark)]
        marks = marks[owned[0] : owned[-1] + 1] if owned else ()
        start, stop = block.source_start(span.start), block.source_stop(span.stop)
        if marks:
            start, stop = min(start, marks[0].start), max(stop, marks[-1].stop)
        return cls(span, marks, start, stop)

    def segment(self, block: Block, *, gap: str) -> MarkedSegment:
        """Return the segment, all positions counted from its beginning."""
        text = block.text[self.span.start : self.span.stop]
        written = {
            piece.start - self.span.start: block.source[piece.source_start : piece.source_stop]
            for piece in block.pieces_in(self.span)
            if piece.kind == "reference" and piece.stop - piece.start == 1
        }
        opaque = tuple(
            Protected(s.start - self.span.start, s.stop - self.span.start, s.replacement)
            for s in block.opaque_in(self.span)
        )
        others = [Edit(s.start, s.stop, " " * (s.stop - s.start)) for s in opaque]
        return MarkedSegment(
            text=text,
            opaque=opaque,
            gap=gap,
            span=self.span,
            raw=block.source[self.start : self.stop],
            marks=tuple(mark.moved(-self.span.start) for mark in self.marks),
            forms=forms_of(Edited.of(text, others).text, written),
        )


def _positions_of_pairs(marks: Sequence[Mark]) -> dict[int, Span]:
    """Return where the tags of each pair stand in a block; beyond its text if elsewhere."""
    positions: dict[int, Span] = {}
    for mark in marks:
        if mark.pair is not None and mark.opens:
            positions[mark.pair] = Span(mark.position, _ELSEWHERE)
        elif mark.pair is not None:
            start = positions[mark.pair].start if mark.pair in positions else -1
            positions[mark.pair] = Span(start, mark.position)
    return positions


def _widened(block: Block, spans: Sequence[Span]) -> list[Span]:
    """Move the ends of spans out of what cannot be cut.

    Raises:
        ValueError: A span is empty, begins before the one before it ends, or ends outside.
    """
    result: list[Span] = []
    at = 0
    for span in spans:
        if not at <= span.start < span.stop <= len(block.text):
            raise ValueError(f"{span} after character {at} of a text of {len(block.text)}")
        at = span.stop
        first, last = block.piece_at(span.start), block.piece_at(span.stop - 1)
        start = span.start if first.kind == "plain" else first.start
        stop = span.stop if last.kind == "plain" else last.stop
        if result and start < result[-1].stop:
            start = result.pop().start
        result.append(Span(start, stop))
    return result
