"""The script that most letters of a text are in."""

import unicodedata
from collections import Counter
from functools import lru_cache

# First words of the names of letters that stand side by side in Chinese, Japanese and Korean.
_EAST_ASIAN = frozenset(
    {"CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO"}
)


def in_main_script(text: str) -> str:
    """Return the text with blanks in place of all letters that are not of its commonest script.

    "Say 水 to him." becomes "Say   to him.". The scripts of Chinese, Japanese and Korean are one.
    """
    if text.isascii():
        return text
    counts = Counter(map(_script_of, filter(str.isalpha, text)))
    if len(counts) <= 1:
        return text
    ((main, _),) = counts.most_common(1)
    return "".join(c if not c.isalpha() or _script_of(c) == main else " " for c in text)


@lru_cache(maxsize=8_192)
def _script_of(letter: str) -> str:
    """Return the first word of a letter's name in Unicode, which is its script's."""
    first = unicodedata.name(letter, "").partition(" ")[0]
    return "CJK" if first in _EAST_ASIAN else first
