r"""Split a text into segments for a model, and reassemble it with its layout unchanged.

    document = split("One is. Two is.\n\n* Three.", mode="sentences", language="en")
    document.lead      ""
    document.segments  ("One is.", " "), ("Two is.", "\n\n* "), ("Three.", "")

What is between the segments is copied to the answer: white space, bullets, numbers and marks at the
edges of lines (`edges.py`), fenced code, and parts without words (`words.py`).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain
from typing import Literal

from service.spans import Span
from service.text.assembly import Assembly, Wrapping, runs_of_blanks
from service.text.edges import cells, edges
from service.text.edits import Edit, Edited
from service.text.sentences import sentences
from service.text.unwrapping import Paragraph, paragraphs
from service.text.words import has_words

Mode = Literal["sentences", "nonewlines", "newlines", "none", "verbatim"]

_FENCE = re.compile(r"[ \t>]*+(?P<fence>`{3,}+(?=[^`]*+$)|~{3,}+)")


@dataclass(frozen=True, slots=True)
class Segment:
    """The text of one model request, and what lies between it and the next segment.

    Attributes:
        text: The text, of one paragraph's lines joined if they were wrapped.
        gap: White space and what else is copied.
        wrapping: What wraps the answer, and the gap unless it ends the paragraph, into lines.
        blanks: The blanks of the text if some are runs, which the answer gets again.
    """

    text: str
    gap: str
    wrapping: Wrapping | None = None
    blanks: tuple[str, ...] = ()

    def begin(self, assembly: Assembly) -> None:
        """Let the assembly put an answer in the place of this segment's text."""
        assembly.begin(blanks=self.blanks, wrapping=self.wrapping)


@dataclass(frozen=True, slots=True)
class Document:
    """A text as segments: `lead` (as a gap), then each segment followed by its gap.

    `origin` has the client's text as its source, and the same text with joined lines as its result;
    None if no lines were joined.
    """

    lead: str
    segments: tuple[Segment, ...]
    origin: Edited | None = None

    def reassemble(self, texts: Sequence[str]) -> str:
        """Return the document's text with each segment's text replaced; one text per segment."""
        if any(segment.wrapping or segment.blanks for segment in self.segments):
            return self.edited(texts).text
        pairs = zip(texts, self.segments, strict=True)
        return self.lead + "".join(text + segment.gap for text, segment in pairs)

    def edited(self, texts: Sequence[str]) -> Edited:
        """Return the texts and gaps in a row, and as the result the same as `reassemble`.

        Spans within a text can be followed from there to the result.
        """
        assembly = Assembly(self.lead)
        for text, segment in zip(texts, self.segments, strict=True):
            segment.begin(assembly)
            assembly.add(text)
            assembly.gap(segment.gap)
        assembly.end()
        pairs = zip(texts, self.segments, strict=True)
        row = self.lead + "".join(text + segment.gap for text, segment in pairs)
        return Edited.of(row, assembly.edits)

    def to_source(self, span: Span) -> Span:
        """Return the span of the client's text that became `span` of the segments and gaps."""
        return span if self.origin is None else self.origin.to_source(span)

    def row_spans(self, texts: Sequence[str]) -> tuple[Span, ...]:
        """Return the spans of `texts` where they and the gaps are in a row.

        Document("  ", (Segment("one", " "), Segment("two", ""))) and its own texts give Span(2, 5)
        and Span(6, 9).
        """
        lengths = ((len(t), len(s.gap)) for t, s in zip(texts, self.segments, strict=True))
        ends = list(accumulate(chain.from_iterable(lengths), initial=len(self.lead)))
        return tuple(map(Span, ends[:-1:2], ends[1::2]))

    def divided(self, parts: Sequence[Sequence[str]]) -> "Document":
        """Return the document with each segment's text cut into parts, which join to the text."""
        found = _Parts(self.lead)
        for segment, texts in zip(self.segments, parts, strict=True):
            if len(texts) == 1:
                found.add(segment)
                continue
            for text in texts:
                before, core, after = _trim(text)
                found.add_gap(before)
                if core:
                    found.add(Segment(core, after, segment.wrapping))
            found.add_gap(segment.gap)
        return found.document(self.origin)


def split(text: str, *, mode: Mode, language: str | None) -> Document:
    """Split a text into sentences, lines, or one segment.

    Reassembling the segments' own texts gives `text`, for every text; with `nonewlines`, for every
    text whose lines are as full as they can be, else the same words with other line breaks.

    Args:
        text: Any text.
        mode: The size of a segment. `sentences`: within a line. `nonewlines`: within a paragraph of
            hard-wrapped lines, which are joined for the model and wrapped in the answer.
            `newlines`: a line. `none`: one segment without outer white space. `verbatim`: one
            segment of the unchanged text, also if it has no words.
        language: Code of the source language, for its rules of where a sentence ends.
    """
    if mode == "verbatim":
        return Document("", (Segment(text, ""),))
    if mode == "none":
        return document_of([text])
    parts = _Parts()
    edits: list[Edit] = []
    at = 0
    code = None if mode == "newlines" else language or "en"
    for block, is_code in _blocks(text):
        for paragraph in _paragraphs(block, is_wrapped=mode == "nonewlines" and not is_code):
            edits += (Edit(at + e.start, at + e.stop, e.text) for e in paragraph.edits)
            at += paragraph.num_source
            if is_code:
                parts.add_gap(paragraph.text)
            else:
                _add_line(parts, paragraph, language=code)
    return parts.document(Edited.of(text, edits) if edits else None)


def document_of(parts: Iterable[str]) -> Document:
    """Return a document of the parts, trimmed; a part without words joins the gap before it."""
    found = _Parts()
    for part in parts:
        before, core, after = _trim(part)
        found.add_gap(before)
        if core:
            found.add(Segment(core, after))
    return found.document(None)


class _Parts:
    """Segments and gaps in order, as they come."""

    def __init__(self, lead: str = "") -> None:
        self._segments: list[Segment] = []
        self._gaps = [[lead]]  # the lead, then for each segment what comes after it

    def add(self, segment: Segment) -> None:
        self._segments.append(segment)
        self._gaps.append([segment.gap])

    def add_gap(self, gap: str) -> None:
        if gap:
            self._gaps[-1].append(gap)

    def document(self, origin: Edited | None) -> Document:
        segments = self._segments
        for at, gaps in enumerate(self._gaps[1:]):
            if len(gaps) > 1:
                segments[at] = replace(segments[at], gap="".join(gaps))
        return Document("".join(self._gaps[0]), tuple(segments), origin)


def _blocks(text: str) -> Iterator[tuple[list[str], bool]]:
    """Yield the lines of a text, and whether they are code: fenced, the fences included.

    A fence that is not closed ends with the text.
    """
    lines = text.splitlines(keepends=True)
    if "```" not in text and "~~~" not in text:
        yield lines, False
        return
    start, fence = 0, ""
    for at, line in enumerate(lines):
        found = _FENCE.match(line)
        if found is None:
            continue
        if not fence:
            yield lines[start:at], False
            start, fence = at, found["fence"]
        elif found["fence"].startswith(fence) and not line[found.end() :].strip():
            yield lines[start : at + 1], True
            start, fence = at + 1, ""
    yield lines[start:], bool(fence)


def _paragraphs(lines: Sequence[str], *, is_wrapped: bool) -> Iterator[Paragraph]:
    if is_wrapped:
        return paragraphs(lines)
    return (Paragraph(line, len(line)) for line in lines)


def _add_line(parts: _Parts, paragraph: Paragraph, *, language: str | None) -> None:
    """Add the segments of a line: its cells' sentences; the cells whole without a language."""
    text = paragraph.text
    has_cells = "  " in text or "\t" in text or "|" in text
    for cell, has_content in cells(text) if has_cells else [(text, True)]:
        if not has_content:
            parts.add_gap(cell)
            continue
        before, core, after = edges(cell)
        parts.add_gap(before)
        found = [core] if language is None or not core else sentences(core, language=language)
        for each in found:
            start, words, end = ("", each, "") if len(found) == 1 else edges(each)
            parts.add_gap(start)
            if words:
                blanks = runs_of_blanks(words) if has_cells else ()
                parts.add(Segment(words, end, paragraph.wrapping, blanks))
        parts.add_gap(after)


def _trim(part: str) -> tuple[str, str, str]:
    """Return (space before, text, space after); without words, all of it is before."""
    if not has_words(part):
        return part, "", ""
    start = len(part) - len(part.lstrip())
    stop = len(part.rstrip())
    return part[:start], part[start:stop], part[stop:]
