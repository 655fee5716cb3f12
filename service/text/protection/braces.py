"""Find placeholders in braces, which may be nested: `{name}`, `{{x}}`, `${X}`, ICU messages."""

import re
from collections.abc import Iterator

from service.spans import Span

_MAX_CONTENT = 200  # characters of a placeholder that is no ICU message
_PREFIXES = frozenset("$#%@")
_ICU = re.compile(r"\s*+[\w.-]++\s*+,\s*+(?:plural|select|selectordinal|choice)\s*+,")
_FLUENT_CHOICE = re.compile(r"\s*+[$\w(): ,\"-]{1,80}?\s->\s")
# A name, an index, a format or a call; no words with blanks between them.
_NAME = re.compile(
    r"""
    \s*+ (?: [$@#/^&!>*~-]?+ [\w$.\[\]:!,%<>=+|?*'"/-]*+ (?: \( [^()]*+ \) )?+ | "[^"]*+" ) \s*+
    | [\w$.]++ (?: \s*+ [|,:] \s*+ [\w.'"%#-]++ )++  # {n, number}, {x | upper}
    | [%#] .* [%#]                                 # Jinja's {% ... %} and {# ... #}
    """,
    re.VERBOSE,
)
_OPEN_OR_CLOSE = re.compile(r"[{}]")


def find_braces(text: str) -> Iterator[Span]:
    """Yield the placeholders in balanced braces, each with the sign before it."""
    open_at: list[int] = []
    for found in _OPEN_OR_CLOSE.finditer(text):
        at = found.start()
        if found[0] == "{":
            open_at.append(at)
        elif open_at:
            start = open_at.pop()
            has_prefix = start > 0 and text[start - 1] in _PREFIXES
            if has_prefix or _is_placeholder(text, start + 1, at):
                yield Span(start - has_prefix, at + 1)


def _is_placeholder(text: str, start: int, stop: int) -> bool:
    """Return whether the content of braces, `text[start:stop]`, is to be copied."""
    if _ICU.match(text, start, stop) or _FLUENT_CHOICE.match(text, start, stop):
        return True
    if stop - start > _MAX_CONTENT:
        return False
    is_doubled = text.startswith("{", start) and text.endswith("}", start, stop)
    return is_doubled or _NAME.fullmatch(text, start, stop) is not None
