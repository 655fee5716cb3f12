r"""Split a text into segments for a model, and reassemble it with its white space unchanged.

    document = split("One. Two.\n\n  Three.", mode="sentences", language="en")
    document.lead      ""
    document.segments  ("One.", " "), ("Two.", "\n\n  "), ("Three.", "")

A part without words (a blank line, rule, number, emoji, or a URL or e-mail address on its own) is
treated as white space: it is copied to the answer.
"""

import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Literal

import sentencex

from service.text.words import has_words, is_address

Mode = Literal["sentences", "newlines", "none", "verbatim"]
Fits = Callable[[str], Awaitable[bool]]

_MIN_LETTERS = 3  # a sentence with fewer joins its neighbour: "M. Dupont", "1. Introduction"
_UNSPACED_SENTENCE_ENDS = frozenset("\n\u3002\uff01\uff1f")  # end a sentence with no blank after
_SENTENCE_ENDS = _UNSPACED_SENTENCE_ENDS | frozenset(".!?\u2026\u061f\u0964\u06d4")
_UNSPACED_CLAUSE_ENDS = frozenset("\u3001\uff0c\uff1b\uff1a")
_CLAUSE_ENDS = _UNSPACED_CLAUSE_ENDS | frozenset(",;:\u060c\u061b\u2014\u2013")
_JOINERS = frozenset("\u200d\ufe0e\ufe0f")
_CHUNK = re.compile(r"\S+")
_INNER_SENTENCE_END = re.compile(r"[.!?](?=.)")


@dataclass(frozen=True, slots=True)
class Segment:
    """The text of one model request, and the white space up to the next segment."""

    text: str
    gap: str


@dataclass(frozen=True, slots=True)
class Document:
    """A text as segments: `lead` (white space), then each segment followed by its gap."""

    lead: str
    segments: tuple[Segment, ...]

    def reassemble(self, texts: Sequence[str]) -> str:
        """Return the document's text with each segment's text replaced; one text per segment."""
        pairs = zip(texts, self.segments, strict=True)
        return self.lead + "".join(text + segment.gap for text, segment in pairs)


def split(text: str, *, mode: Mode, language: str | None) -> Document:
    """Split a text into sentences, lines, or one segment.

    Reassembling the segments' own texts gives `text`, for every text.

    Args:
        text: Any text.
        mode: The size of a segment; `none` is one segment without outer white space, `verbatim`
            one segment of the unchanged text, also if it has no words.
        language: Code of the source language, for its rules of where a sentence ends.
    """
    if mode == "verbatim":
        return Document("", (Segment(text, ""),))
    if mode == "none":
        return document_of([text])
    lines = text.splitlines(keepends=True)
    if mode == "newlines":
        return document_of(lines)
    return document_of(s for line in lines for s in _sentences(line, language=language or "en"))


def document_of(parts: Iterable[str]) -> Document:
    """Return a document of the parts, trimmed; a part without words joins the gap before it."""
    lead = ""
    segments: list[Segment] = []
    for part in parts:
        before, core, after = _trim(part)
        if not core:
            before, after = before + after, ""
        if segments:
            last = segments[-1]
            segments[-1] = Segment(last.text, last.gap + before)
        else:
            lead += before
        if core:
            segments.append(Segment(core, after))
    return Document(lead, tuple(segments))


async def split_to_fit(text: str, fits: Fits) -> list[str]:
    """Split a text recursively near its middle, until each part fits.

    It is cut at the end of a sentence if there is one, else of a clause, else at a blank, else
    anywhere. The parts, joined, are `text`. A single character is a part even if it does not fit.
    """
    if len(text) <= 1 or await fits(text.strip()):
        return [text]
    cut = _best_cut(text)
    return [*await split_to_fit(text[:cut], fits), *await split_to_fit(text[cut:], fits)]


def as_sentence(text: str) -> str:
    """Trim a text and add a full stop if it has no end of sentence, as headlines have none."""
    text = text.strip()
    return text if not text or text[-1] in _SENTENCE_ENDS else f"{text}."


def _trim(part: str) -> tuple[str, str, str]:
    """Return (space before, text, space after); without words, all of it is before."""
    if not has_words(part):
        return part, "", ""
    start = len(part) - len(part.lstrip())
    stop = len(part.rstrip())
    return part[:start], part[start:stop], part[stop:]


def _sentences(line: str, *, language: str) -> list[str]:
    """Return the sentences of one line, each with the white space after it; short ones joined."""
    shielded = _CHUNK.sub(_shield, line)
    sentences: list[str] = sentencex.segment(language, shielded)
    if "".join(sentences) != shielded:
        return [line]
    merged: list[str] = []
    begin = num_letters = 0  # of sentences too short to stand alone, which begin the next one
    for start, stop in pairwise(accumulate(map(len, sentences), initial=0)):
        num_letters += sum(map(str.isalpha, line[start:stop]))
        if num_letters >= _MIN_LETTERS:
            merged.append(line[begin:stop])
            begin, num_letters = stop, 0
    if not merged:
        return [line]
    merged[-1] += line[begin:]
    return merged


def _shield(chunk: re.Match[str]) -> str:
    """Replace the full stops inside an address, so that none ends a sentence; keep other words."""
    return _INNER_SENTENCE_END.sub("_", chunk[0]) if is_address(chunk[0]) else chunk[0]


def _best_cut(text: str) -> int:
    """Return where to cut a text of two characters or more: 0 < cut < len(text).

    Each kind of place is searched in the middle half only, so that no part is too short.
    """
    for kind in (_ends_sentence, _ends_clause, _after_blank, _between_clusters):
        cut = _nearest_the_middle(text, kind)
        if cut is not None:
            return cut
    return len(text) // 2


def _nearest_the_middle(text: str, kind: Callable[[str, int], bool]) -> int | None:
    middle = len(text) // 2
    for distance in range(len(text) // 4 + 1):
        for cut in (middle - distance, middle + distance):
            if 0 < cut < len(text) and kind(text, cut):
                return cut
    return None


def _ends_sentence(text: str, cut: int) -> bool:
    """Return whether `text[:cut]` ends in a sentence and its blank, if its stop needs one."""
    if text[cut - 1] in _UNSPACED_SENTENCE_ENDS:
        return True
    if not _after_blank(text, cut):
        return False
    end = cut - 1
    while end > 0 and text[end].isspace():
        end -= 1
    return text[end] in _SENTENCE_ENDS


def _ends_clause(text: str, cut: int) -> bool:
    if text[cut - 1] in _UNSPACED_CLAUSE_ENDS:
        return True
    return cut > 1 and text[cut - 2] in _CLAUSE_ENDS and _after_blank(text, cut)


def _after_blank(text: str, cut: int) -> bool:
    return text[cut - 1].isspace() and not text[cut].isspace()


def _between_clusters(text: str, cut: int) -> bool:
    """Return whether the cut separates no accent from its letter and no emoji from its modifier."""
    after = text[cut]
    return not (unicodedata.combining(after) or after in _JOINERS or text[cut - 1] in _JOINERS)
