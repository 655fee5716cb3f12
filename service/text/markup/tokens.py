"""Cut HTML or XML into tags, text and the rest, in linear time and without losing a byte."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from service.text.markup.vocabulary import RAW_TEXT, UNCLOSED_RAW_TEXT, VOID

Format = Literal["html", "xml"]
Kind = Literal["text", "open", "close", "empty", "other", "cdata", "raw"]

# A name, then attributes up to `>`. A quote that is never closed counts as a letter. Quantifiers
# are possessive, so a tag is read once. In an XML name the letters of any script may begin.
_TAG = r"""
    (?: [\s/]++
      | [^\s/>][^\s/>=]*+
        (?: \s*+ = \s*+ (?: "[^"]*+" | '[^']*+' | [^\s"'>][^\s>]*+ )?+ )?+
    )*+ >
"""
_TAGS = {
    "html": re.compile(r"</?+ ([a-zA-Z][^\s/>]*+)" + _TAG, re.VERBOSE),
    "xml": re.compile(r"</?+ ([^\W\d][^\s/>]*+ | :[^\s/>]++)" + _TAG, re.VERBOSE),
}
_NAMES = {"html": re.compile(r"</?+[a-zA-Z]"), "xml": re.compile(r"</?+(?:[^\W\d]|:)")}
_SIMPLE_TAG = re.compile(r"</?+((?:[^\W\d]|:)[^\s/<>]*+)[^<>]*+>")
_DOCTYPE = re.compile("<!doctype", re.IGNORECASE)
_SUBSET = re.compile(r"[^\[>]*+\[(?:[^\]]|\](?!\s*+>))*+\]\s*+>")


@dataclass(frozen=True, slots=True)
class Token:
    """Characters `start` to `stop` of the source, of one kind.

    `empty` is an element without content (`<img>`, in XML `<a/>`), `other` a comment, declaration
    or processing instruction, `raw` the content of a script and the like. `name` is a tag's, in
    HTML in lower case; None for what is no tag.
    """

    kind: Kind
    start: int
    stop: int
    name: str | None = None


def scan(source: str, *, syntax: Format) -> list[Token]:
    """Return the tokens of a source; they follow each other and cover all of it.

    A `<` that begins nothing is text, as browsers have it.
    """
    return list(_Scanner(source, syntax).tokens())


class _Scanner:
    def __init__(self, source: str, syntax: Format) -> None:
        self._source = source
        self._syntax = syntax
        self._name = _NAMES[syntax]
        self._tag = _TAGS[syntax]
        self._found: dict[str, int] = {}
        self._has_doctype = False

    def tokens(self) -> Iterator[Token]:
        source = self._source
        at = text_start = 0
        while (at := source.find("<", at)) >= 0:
            token = self._markup(at)
            if token is None:
                at += 1
                continue
            if text_start < at:
                yield Token("text", text_start, at)
            yield token
            at = token.stop
            content = self._raw_content(token)
            if content is not None:
                yield content
                at = content.stop
            text_start = at
        if text_start < len(source):
            yield Token("text", text_start, len(source))

    def _markup(self, at: int) -> Token | None:
        """Return the token that begins with the `<` at `at`; None if it is text."""
        sign = self._source[at + 1 : at + 2]
        if sign == "!":
            return self._declaration(at)
        if sign == "?":
            end = "?>" if self._syntax == "xml" else ">"
            return self._until(end, at) or self._until(">", at)
        if not self._name.match(self._source, at):
            is_comment = sign == "/" and self._syntax == "html"  # as browsers have `</3>`
            return self._until(">", at) if is_comment else None
        match = self._tag.match(self._source, at)
        if match is None and self._tag is not _SIMPLE_TAG:
            # This tag has no end, so quotes are not to be trusted: from here on a tag ends at the
            # first `>` and has no `<` in it, and none is looked at twice.
            self._tag = _SIMPLE_TAG
            match = self._tag.match(self._source, at)
        return None if match is None else self._as_tag(match)

    def _as_tag(self, match: re.Match[str]) -> Token:
        start, stop = match.span()
        name = match[1] if self._syntax == "xml" else match[1].lower()
        if self._source[start + 1] == "/":
            return Token("close", start, stop, name)
        ends_at_once = self._source[stop - 2] == "/"
        is_empty = ends_at_once if self._syntax == "xml" else name in VOID
        return Token("empty" if is_empty else "open", start, stop, name)

    def _declaration(self, at: int) -> Token | None:
        source = self._source
        if source.startswith("<!--", at):
            if self._syntax == "html" and source.startswith((">", "->"), at + 4):
                return self._until(">", at)
            end = self._find("-->", at + 4)
            return Token("other", at, len(source) if end is None else end + 3)
        if source.startswith("<![CDATA[", at):
            end = self._find("]]>", at)
            if end is not None:
                return Token("cdata", at, end + 3)
        if not self._has_doctype and _DOCTYPE.match(source, at):
            self._has_doctype = True  # a second would be an error, and is not searched for its end
            subset = _SUBSET.match(source, at)
            if subset is not None:
                return Token("other", at, subset.end())
        return self._until(">", at)

    def _until(self, end: str, at: int) -> Token | None:
        found = self._find(end, at)
        return None if found is None else Token("other", at, found + len(end))

    def _find(self, needle: str, at: int) -> int | None:
        """Return where `needle` next occurs; each part of the source is searched once for it."""
        found = self._found.get(needle, -1)
        if found < at:
            found = self._source.find(needle, at)
            if found < 0:
                found = len(self._source)
            self._found[needle] = found
        return found if found < len(self._source) else None

    def _raw_content(self, token: Token) -> Token | None:
        """Return the content of an element in which tags are no tags, up to its closing tag."""
        if self._syntax == "xml" or token.kind != "open" or token.name not in RAW_TEXT:
            return None
        closing = re.compile(rf"</{token.name}(?=[\s/>])", re.IGNORECASE)
        key = f"</{token.name}"
        if self._found.get(key, -1) < token.stop:
            match = closing.search(self._source, token.stop)
            self._found[key] = match.start() if match else len(self._source)
        stop = self._found[key]
        if stop == len(self._source) and token.name not in UNCLOSED_RAW_TEXT:
            return None
        if stop == token.stop:
            return None
        return Token("text" if token.name == "title" else "raw", token.stop, stop)
