"""Cut a text at its word boundaries."""

import re
import unicodedata
from functools import cache

# Scripts that put no blanks between words: Thai, Lao, Tibetan, Myanmar, Khmer, Japanese, Chinese.
_UNSPACED = (
    "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_INVISIBLE = "\u00ad\u200b\u2060\ufeff"  # may stand inside a word
_LOOK_ALIKES = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u02bc": "'",
        "\uff07": "'",
        "\u2010": "-",
        "\u2011": "-",
    }
)
_WITHOUT_INVISIBLE = str.maketrans(dict.fromkeys(_INVISIBLE))
_LAST_MARK = 0x1FFFF  # the highest that `_pattern` looks at: all but a few hundred variants


def cut_at_boundaries(text: str) -> list[str]:
    """Return the words, runs of blanks and single signs that make up the text, in order.

    "Don\u2019t  panic!" is "Don", "'", "t", "  ", "panic", "!". Marks stay with their letter, and
    in scripts without blanks each letter is a part. Apostrophes and hyphens are those of ASCII.
    """
    parts: list[str] = _pattern().findall(text.translate(_LOOK_ALIKES))
    return parts


def normal_form(part: str) -> str:
    """Return the form that equal parts have in common: composed, visible, any blanks as one."""
    if part.isspace():
        return " "
    if part.isascii():
        return part
    return unicodedata.normalize("NFC", part.translate(_WITHOUT_INVISIBLE))


def is_word(part: str) -> bool:
    """Return whether a part is of letters or digits."""
    return any(map(str.isalnum, part))


@cache
def _pattern() -> re.Pattern[str]:
    categories = ((chr(c), unicodedata.category(chr(c))) for c in range(0x300, _LAST_MARK))
    marks = "".join(char for char, category in categories if category.startswith("M"))
    return re.compile(
        rf"[{_UNSPACED}][{marks}]*+|(?:[^\W{_UNSPACED}]|[{marks}{_INVISIBLE}])++|\s++|.", re.DOTALL
    )
