"""Plain forms of characters that a vocabulary may not know: a straight quote for a curly one.

The table is of typography: characters that say the same. What only resembles another letter, such
as the Cyrillic a, is not in it.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping

# \x91 to \x97 are what Windows-1252 has for quotes and dashes, read as Latin-1.
_APOSTROPHES = "’‘‚‛´`′‵‹›❛❜ʹʻʼʽʾˈ՚ꞌ＇\x91\x92"
_QUOTES = "“”„‟″‶«»❝❞〝〞〟＂\x93\x94"
_HYPHENS = "‐‑‒−–⁃˗﹣－\x96\x97"

LOOKALIKES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_APOSTROPHES, ("'",)),
    **dict.fromkeys(_QUOTES, ('"',)),
    **dict.fromkeys(_HYPHENS, ("-",)),
    **dict.fromkeys("―⸺", ("—", "–", "-")),
    "—": ("–", "-"),
    "…": ("...",),
    "⋯": ("...",),
    "‥": ("..",),
    "․": (".",),
    "∙": ("·",),
    "‧": ("·",),
    "⁄": ("/",),
    "∕": ("/",),
    "∖": ("\\",),
    "∗": ("*",),
    "⁎": ("*",),
    "∣": ("|",),
    "ˆ": ("^",),
    "˜": ("~",),
    "∼": ("~",),
    "〜": ("~",),
    "⟨": ("<",),
    "⟩": (">",),
    "〈": ("<",),
    "〉": (">",),
    "ẞ": ("SS",),
    # The comma below, and the cedilla that stood for it before Unicode had it.
    **{a: (b,) for x, y in ("șş", "țţ", "ȘŞ", "ȚŢ") for a, b in ((x, y), (y, x))},
}

BLANKS = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029")
# Format characters that are seen: signs that enclose the digits after them.
_SEEN = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2")
# Variation selectors, and the joiner of graphemes.
_SELECTORS = re.compile("[\u034f\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def is_invisible(char: str) -> bool:
    """Return whether nothing is seen of a character: a joiner, a soft hyphen, a control."""
    if char in BLANKS or char in _SEEN or char in LOOKALIKES:
        return False
    return unicodedata.category(char) in ("Cf", "Cc") or _SELECTORS.match(char) is not None


def plain_forms(unit: str) -> Iterator[str]:
    """Yield what says the same as a character with its combining marks, the nearest first."""
    yield unicodedata.normalize("NFC", unit)
    yield from LOOKALIKES.get(unit, ())
    if unit in BLANKS or unicodedata.category(unit[0]) == "Zs":
        yield " "
    elif all(map(is_invisible, unit)):
        yield ""
    compatible = unicodedata.normalize("NFKC", unit)
    if "⁄" in compatible:
        compatible = f" {compatible}"  # 1½ is 1 1/2
    yield compatible
    yield "".join(LOOKALIKES.get(char, (char,))[-1] for char in compatible)
    if len(unit) > 1 and base_letter(unit) is None:
        yield unit[0]  # without a mark of stress


def base_letter(unit: str) -> str | None:
    """Return the letter of A to Z under marks, which is another letter: c of č."""
    decomposed = unicodedata.normalize("NFD", unit)
    base = decomposed[0]
    return base if len(decomposed) > 1 and base.isascii() and base.isalpha() else None


def units_of(text: str) -> Iterator[tuple[int, str]]:
    """Yield each character with the combining marks after it, and where it begins."""
    start = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or not unicodedata.combining(text[at]):
            yield start, text[start:at]
            start = at
