"""Cuts a text into words and signs of punctuation, in any script."""

import re
import unicodedata
from functools import lru_cache

from model.tokenizer.char_spans import CharSpan

# Scripts that write no blanks between words, where each character counts as a word: kana, Han.
_IDEOGRAPHS = (("\u3040", "\u30ff"), ("\u3400", "\u9fff"), ("\U00020000", "\U0003ffff"))
_CLASSES = {"'": "'", "\u2019": "'", ".": ".", ",": ".", ":": "."}
# Over the classes of characters: a number, letters with apostrophes inside, an ideograph, a sign.
_WORD = re.compile(r"d++(?:\.d++)*+(?![a'])|[ad]++(?:'[ad]++)*+|h|[^ ]")
# English endings are words of their own (I'm: I 'm; but don't), and so is what stands in front of
# an apostrophe in French (l'eau: l' eau; qu'il: qu' il; but aujourd'hui).
_ENDING = re.compile(r"['\u2019](?:m|s|d|re|ve|ll)", re.IGNORECASE)
_ELIDED = re.compile(r"(?:\w{1,2}|\w{0,8}qu)['\u2019](?!t$)", re.IGNORECASE)


def words(text: str) -> list[CharSpan]:
    """Return the spans of a text's words and signs, in order; blanks belong to none.

    He's 1,80 m.   ->   He 's 1,80 m .
    """
    classes = "".join(map(_class, text))
    spans: list[CharSpan] = []
    for found in _WORD.finditer(classes):
        start, stop = found.span()
        if "'" in classes[start:stop]:
            spans += _parts(text, start, stop)
        else:
            spans.append((start, stop))
    return spans


def _parts(text: str, start: int, stop: int) -> list[CharSpan]:
    """Return the words that apostrophes part in one run of letters."""
    spans = []
    while elided := _ELIDED.match(text, start, stop):
        if _is_ending(text, elided.end() - 1, stop):
            break
        spans.append((start, elided.end()))
        start = elided.end()
    last = max(text.rfind("'", start, stop), text.rfind("\u2019", start, stop))
    if last > start and _is_ending(text, last, stop):
        return [*spans, (start, last), (last, stop)]
    return [*spans, (start, stop)] if stop > start else spans


def _is_ending(text: str, start: int, stop: int) -> bool:
    return _ENDING.fullmatch(text, start, stop) is not None


@lru_cache(maxsize=8192)
def _class(char: str) -> str:
    """Return blank, d(igit), a (letter, mark), h (ideograph), an apostrophe, a point, or a sign."""
    if char in _CLASSES:
        return _CLASSES[char]
    if char.isspace():
        return " "
    if any(first <= char <= last for first, last in _IDEOGRAPHS):
        return "h"
    if char.isdecimal():
        return "d"
    # Marks, and invisible signs such as soft hyphens, are inside of words.
    is_inside = char == "_" or unicodedata.category(char) in ("Mn", "Mc", "Me", "Cf")
    return "a" if is_inside or char.isalnum() else "p"
