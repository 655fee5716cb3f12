"""Cut a text that is longer than a model reads, at the best place near its middle."""

import unicodedata
from collections.abc import Awaitable, Callable

Fits = Callable[[str], Awaitable[bool]]

_UNSPACED_SENTENCE_ENDS = frozenset("\n\u3002\uff01\uff1f")  # end a sentence with no blank after
_SENTENCE_ENDS = _UNSPACED_SENTENCE_ENDS | frozenset(".!?\u2026\u061f\u0964\u06d4")
_UNSPACED_CLAUSE_ENDS = frozenset("\u3001\uff0c\uff1b\uff1a")
_CLAUSE_ENDS = _UNSPACED_CLAUSE_ENDS | frozenset(",;:\u060c\u061b\u2014\u2013")
_MAX_DISTANCE = 1_000  # characters from the middle of a long text to where it is cut
_JOINERS = frozenset("\u200d\ufe0e\ufe0f")


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


def _best_cut(text: str) -> int:
    """Return where to cut a text of two characters or more: 0 < cut < len(text).

    Each kind of place is searched in the middle half only, so that no part is too short, and near
    the middle only, so that a text that fits after many cuts takes little time for each.
    """
    for kind in (_ends_sentence, _ends_clause, _after_blank, _between_clusters):
        cut = _nearest_the_middle(text, kind)
        if cut is not None:
            return cut
    return len(text) // 2


def _nearest_the_middle(text: str, kind: Callable[[str, int], bool]) -> int | None:
    middle = len(text) // 2
    for distance in range(min(len(text) // 4, _MAX_DISTANCE) + 1):
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
