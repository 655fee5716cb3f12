"""Values of attributes: find them in a tag, and write a translated one in their place."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from service.text.markup.references import Writer, decode, forms_of
from service.text.markup.tokens import Format, Token

_ATTRIBUTE = re.compile(
    r"""
    [\s/]*+ (?P<name>[^\s/>][^\s/>=]*+)
    (?: \s*+ = \s*+ (?: "(?P<double>[^"]*+)" | '(?P<single>[^']*+)' | (?P<bare>[^\s"'>][^\s>]*+) )
    )?+
    """,
    re.VERBOSE,
)
_QUOTES = {"double": '"', "single": "'", "bare": None}
_NAME = re.compile(r"</?+[^\s/>]++")


@dataclass(frozen=True, slots=True)
class Attribute:
    """The value of an attribute, as a text to translate.

    Attributes:
        name: Its name; in HTML in lower case.
        text: Its value, references decoded.
        start: Where the value begins in the source, after its quote if it has one.
        stop: Where it ends.
        quote: None if the value stands without.
        forms: How the source writes the characters that mean something in markup.
    """

    name: str
    text: str
    start: int
    stop: int
    quote: str | None
    forms: dict[str, list[str]] = field(compare=False, repr=False)

    def write(self, text: str) -> str:
        """Return a value in markup, with quotes if the source has none."""
        quoted = Writer(self.forms, quote=self.quote or '"').write(text)
        return quoted if self.quote is not None else f'"{quoted}"'


def attributes_of(source: str, tag: Token, *, syntax: Format) -> Iterator[Attribute]:
    """Yield the attributes of a tag that have a value."""
    own_name = _NAME.match(source, tag.start, tag.stop)
    at = tag.stop if own_name is None else own_name.end()
    while match := _ATTRIBUTE.match(source, at, tag.stop - 1):
        at = match.end()
        group = match.lastgroup
        if group is not None and group != "name":
            name = match["name"] if syntax == "xml" else match["name"].lower()
            yield _attribute(source, name, match.span(group), _QUOTES[group], syntax)


def _attribute(
    source: str, name: str, span: tuple[int, int], quote: str | None, syntax: Format
) -> Attribute:
    parts: list[str] = []
    written: dict[int, str] = {}
    length = 0
    for run in decode(source, *span, syntax=syntax, is_attribute=True):
        raw = source[run.start : run.stop]
        text = raw if run.kind == "unknown" else run.text
        if len(text) == 1 and text != raw:
            written[length] = raw
        parts.append(text)
        length += len(text)
    text = "".join(parts)
    return Attribute(name, text, *span, quote, forms_of(text, written))
