"""Character references: decode them, and write characters again in the form the source had."""

import re
import sys
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from html.entities import html5
from typing import Literal, NamedTuple

from service.text.markup.tokens import Format

BLANKS = " \t\n\r\f"

_RUN = re.compile(
    r"""
      (?P<blank>[ \t\n\r\f]++)
    | (?P<number>&\#(?:[0-9]++|[xX][0-9a-fA-F]++);?+)
    | (?P<name>&[a-zA-Z_][\w.-]*+;?+)
    | (?P<literal>[^ \t\n\r\f&<]++(?:[ ][^ \t\n\r\f&<]++)*+)
    | (?P<sign>[&<])
    """,
    re.VERBOSE,
)
_MAX_LEGACY_NAME = 6  # characters: `&middot` and others that need no semicolon
_MAX_DIGITS = 8  # of a number that may be a code point
# Numbers of control characters are read as browsers do: as what was meant in Windows-1252.
_C1 = {chr(code): bytes([code]).decode("cp1252", errors="replace") for code in range(0x80, 0xA0)}
_DEFAULTS = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}


class Run(NamedTuple):
    """Characters `start` to `stop` of a source, and the text they stand for.

    A `literal` run is its own text; a `sign` is an `&` or `<` that begins nothing; an `unknown`
    one is a reference that only the document's own declarations explain.
    """

    kind: Literal["blank", "literal", "reference", "sign", "unknown"]
    start: int
    stop: int
    text: str


def decode(
    source: str,
    start: int,
    stop: int,
    *,
    syntax: Format,
    is_attribute: bool = False,
) -> Iterator[Run]:
    """Yield the runs of white space, references and other text of a part of the source, in order.

    References to white space are white space. Numbers that are no characters stand for U+FFFD.
    """
    at = start
    while match := _RUN.match(source, at, stop):
        run = _run(match, is_html=syntax == "html", is_attribute=is_attribute)
        yield run
        at = run.stop


def _run(match: re.Match[str], *, is_html: bool, is_attribute: bool) -> Run:
    start, stop = match.span()
    raw = match[0]
    if match.lastgroup == "blank":
        return Run("blank", start, stop, raw)
    if match.lastgroup == "literal":
        return Run("literal", start, stop, raw)
    run = None
    if match.lastgroup == "number" and (is_html or raw[-1] == ";"):
        run = _reference(start, stop, _character(raw.removesuffix(";")[2:]))
    if match.lastgroup == "name" and raw[-1] == ";":
        run = _named(match, is_html=is_html)
    if match.lastgroup == "name" and is_html and run is None:
        run = _legacy(match, is_attribute=is_attribute)
    return run or Run("sign", start, start + 1, raw[0])


def _named(match: re.Match[str], *, is_html: bool) -> Run | None:
    """Return the reference of a name with its semicolon; None if HTML does not know it."""
    text = html5.get(match[0][1:])
    if text is not None:
        return _reference(*match.span(), text)
    return None if is_html else Run("unknown", *match.span(), "")


def _legacy(match: re.Match[str], *, is_attribute: bool) -> Run | None:
    """Return the reference of a name without semicolon, which may go on as a word."""
    raw = match[0]
    for length in range(min(len(raw) - 1, _MAX_LEGACY_NAME), 1, -1):
        text = html5.get(raw[1 : 1 + length])
        if text is not None:
            stop = match.start() + 1 + length
            following = match.string[stop : stop + 1]
            if is_attribute and (following == "=" or following.isalnum()):
                return None  # a query, as in `?a=1&copy=2`
            return _reference(match.start(), stop, text)
    return None


def _reference(start: int, stop: int, text: str) -> Run:
    return Run("blank" if text in BLANKS else "reference", start, stop, text)


def _character(digits: str) -> str:
    """Return the character of a numeric reference without `&#` and `;`."""
    is_hex = digits[0] in "xX"
    significant = digits.lstrip("xX").lstrip("0") if is_hex else digits.lstrip("0")
    if not significant or len(significant) > _MAX_DIGITS:
        return "\ufffd"
    code = int(significant, 16 if is_hex else 10)
    if code > sys.maxunicode:
        return "\ufffd"
    character = chr(code)
    if unicodedata.category(character) in {"Cc", "Cs"} and character not in BLANKS:
        return _C1.get(character, "\ufffd")
    return character


class Writer:
    """Writes a text with what means something in markup escaped.

    A character that the source wrote in another form is written in that form: the first by the
    form of the first, and so on; those beyond the last, as the last.
    """

    def __init__(self, forms: Mapping[str, Iterable[str]], *, quote: str | None = None) -> None:
        """Take the forms of each character in the source's order; `quote` ends an attribute."""
        self._forms = {character: deque(list_) for character, list_ in forms.items()}
        self._special = frozenset("&<>") | self._forms.keys() | {quote} - {None}

    def write(self, text: str) -> str:
        """Return the text in markup; forms are used up from call to call."""
        if self._special.isdisjoint(text):
            return text
        return "".join(
            self._written(text, at) if character in self._special else character
            for at, character in enumerate(text)
        )

    def _written(self, text: str, at: int) -> str:
        character = text[at]
        forms = self._forms.get(character)
        if not forms:
            return _DEFAULTS.get(character, character)
        form = forms.popleft() if len(forms) > 1 else forms[0]
        is_before_blank = text[at + 1 : at + 2] in {" ", "\n", "\t"}
        if form == character:
            is_end_of_cdata = character == ">" and text[max(at - 2, 0) : at] == "]]"
            is_plain = is_before_blank or character not in "&<"
            return form if is_plain and not is_end_of_cdata else _DEFAULTS[character]
        if form[0] == "&" and form[-1] != ";" and not is_before_blank:
            return f"{form};"
        return form


def forms_of(text: str, written: Mapping[int, str]) -> dict[str, list[str]]:
    """Return all forms, in order, of the characters that markup or the source writes otherwise.

    Args:
        text: A text.
        written: Forms in the source by position in `text`; others are written as they are.
    """
    forms: dict[str, list[str]] = {text[at]: [] for at in written}
    for sign in "&<>":
        forms.setdefault(sign, [])
    if not forms.keys().isdisjoint(text):
        for at, character in enumerate(text):
            if character in forms:
                forms[character].append(written.get(at, character))
    return forms
