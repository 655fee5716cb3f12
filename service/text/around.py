"""Cut a text around its protected spans, to translate what is between them."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from service.spans import Span
from service.text.masking import Protected
from service.text.words import has_words

_CLOSER_OF = {
    "(": ")",
    "[": "]",
    "{": "}",
    '"': '"',
    "'": "'",
    "\u201c": "\u201d",
    "\u201e": "\u201c",
    "\u00ab": "\u00bb",
    "\u2018": "\u2019",
    "\u00a1": "!",
    "\u00bf": "?",
}
_OPENERS_OF = {
    closer: tuple(o for o, c in _CLOSER_OF.items() if c == closer) for closer in _CLOSER_OF.values()
}
_SENTENCE_ENDS = frozenset(".!?\u2026\u3002\uff01\uff1f")


def pieces_around(text: str, protected: Sequence[Protected]) -> list[Span]:
    """Return the spans with words between the protected spans, in order.

    Blanks and marks beside a protected span are in none of them, but for brackets and quotation
    marks whose partner is in the piece, and the end of the sentence.

        "Hello {name}, how are you?"    "Hello" and "how are you?"

    Args:
        text: A segment.
        protected: Its protected spans, in order and without overlap.
    """
    pieces: list[Span] = []
    ends = [0, *(end for span in protected for end in (span.start, span.stop)), len(text)]
    for start, stop in list(pairwise(ends))[::2]:
        piece = text[start:stop]
        if has_words(piece):
            first, last = _core(piece)
            pieces.append(Span(start + first, start + last))
    return pieces


def _core(piece: str) -> tuple[int, int]:
    """Return where the words of a piece begin and end; the piece has a letter."""
    counts = Counter(piece)
    first, last = 0, len(piece)
    while not piece[first].isalnum():
        partner = _CLOSER_OF.get(piece[first], "")
        if counts[partner] > (partner == piece[first]):
            break
        counts[piece[first]] -= 1
        first += 1
    while not piece[last - 1].isalnum():
        sign = piece[last - 1]
        if sign in _SENTENCE_ENDS or any(
            counts[opener] > (opener == sign) for opener in _OPENERS_OF.get(sign, ())
        ):
            break
        counts[sign] -= 1
        last -= 1
    return first, last
