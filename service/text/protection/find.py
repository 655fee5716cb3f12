"""Find the parts of a text that an answer has to repeat character by character."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from service.spans import Span
from service.text.masking import Protected
from service.text.protection.addresses import find_addresses
from service.text.protection.braces import find_braces
from service.text.protection.codes import CODES
from service.text.protection.placeholders import HASHTAG, PLACEHOLDERS
from service.text.protection.symbols import SYMBOLS

# One of these is in every text with a span: plain sentences are told by one search.
_TRIGGER = re.compile(
    rf"""
    [{{%$\#@<`_\\\[/~] | & \S | : [\w:] | \. [a-z] | \(\) | -- | [a-z][A-Z] | \d [-.:] \d
    | [A-Za-z] -?\d | \d [A-Za-z] | [+(] \d | ISBN | {SYMBOLS.pattern}
    """,
    re.VERBOSE,
)
# Most sentences are only this: words, and marks that begin no span. It is quicker than one search.
_PLAIN = re.compile(r"(?:[a-z\u00df-\u00ff ,;!?'\"]++|(?<![a-z])[A-Z]|[.](?![a-z])|-(?!-))*+")
# Thai to Khmer, and Chinese, Japanese, Korean: their words go on beside a span without a blank.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef]"
)
_MAX_BLANKS = 2  # between spans that become one


def find_protected(text: str, *, apart: Sequence[int] = ()) -> tuple[Protected, ...]:
    """Return what must come back unchanged, in order and without overlap, in linear time.

    Found are placeholders of message formats, tags, addresses, paths, code and identifiers, dates
    and times in ISO 8601, symbols and emoji. Spans that overlap or touch, or have only blanks
    between them, are one: `{first} {last}`, `<x id="1"></x>`, `%d%%`. Punctuation of the sentence
    beside a span stays outside. Plain numbers are no spans (see `digits`).

    Args:
        text: A segment.
        apart: Positions, in order; two spans with one between them stay two.
    """
    if _PLAIN.fullmatch(text) or _TRIGGER.search(text) is None:
        return ()
    merged = _merged(text, sorted(_spans(text)), apart)
    return tuple(Protected(s.start, s.stop, text[s.start : s.stop]) for s in merged)


def _spans(text: str) -> Iterator[Span]:
    yield from find_braces(text)
    yield from (Span(*found.span()) for found in HASHTAG.finditer(text))
    apart = _UNSPACED.sub("\u3000", text)  # no such character is part of a span's own name
    yield from find_addresses(apart)
    for pattern in (*PLACEHOLDERS, *CODES, SYMBOLS):
        yield from (Span(*found.span()) for found in pattern.finditer(apart))


def _merged(text: str, spans: Iterable[Span], apart: Sequence[int]) -> list[Span]:
    """Return the union of spans sorted by their start."""
    merged: list[Span] = []
    for span in spans:
        last = merged[-1] if merged else None
        if last is not None and _is_next_to(text, last, span) and not _parted(last, span, apart):
            merged[-1] = Span(last.start, max(last.stop, span.stop))
        else:
            merged.append(span)
    return merged


def _parted(span: Span, after: Span, positions: Sequence[int]) -> bool:
    """Return whether a position is between two spans that do not overlap."""
    at = bisect_left(positions, span.stop)
    return at < len(positions) and positions[at] <= after.start


def _is_next_to(text: str, span: Span, after: Span) -> bool:
    if after.start <= span.stop:
        return True
    between = text[span.stop : min(after.start, span.stop + _MAX_BLANKS + 1)]
    return len(between) <= _MAX_BLANKS and not between.strip(" \u00a0")
