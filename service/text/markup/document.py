"""Cut HTML or XML into blocks of text and what stands between them, and write it again.

    document = parse("<p>Press <b>Save</b>.</p>", format="html")
    document.parts              "<p>", Block(text="Press Save.", ...), "</p>"

    [block] = document.blocks
    cut = cut_block(block, [Span(0, 11)])                   one segment; see segments.py
    document.render(["<b>Speichern</b> wählen."])           "<p><b>Speichern</b> wählen.</p>"

Attributes are translated by themselves, before: `document.with_attributes` returns a document with
the same texts, whose tags have the new values.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from service.text.edits import Edit, Edited
from service.text.markup.attributes import Attribute, attributes_of
from service.text.markup.blocks import Block, BlockBuilder, visible
from service.text.markup.references import Run, decode
from service.text.markup.rules import HtmlRules, Rules, XmlRules
from service.text.markup.tokens import Format, Token, scan
from service.text.markup.tree import Tree, tree_of
from service.text.markup.vocabulary import ENDED_BY, TagOptions

_CDATA_START, _CDATA_STOP = len("<![CDATA["), len("]]>")
_NO_WORD = "X"  # stands in the text for an element that is copied and shows nothing


@dataclass(frozen=True)
class MarkupDocument:
    """A document as parts which, the blocks' sources included, are the whole of it in order.

    Attributes:
        source: The document.
        format: Its language.
        options: The client's own names of tags.
        parts: Strings to be copied, and blocks.
        attributes: The values of attributes that were asked for, in order.
    """

    source: str
    format: Format
    options: TagOptions
    parts: tuple[str | Block, ...]
    attributes: tuple[Attribute, ...]

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(part for part in self.parts if isinstance(part, Block))

    @cached_property
    def visible(self) -> str:
        """The text of all blocks, a line each."""
        return "\n".join(block.text for block in self.blocks)

    def render(self, blocks: Sequence[str]) -> str:
        """Return the document with each block's markup replaced; one string for each block."""
        if len(blocks) != len(self.blocks):
            raise ValueError(f"{len(blocks)} strings for {len(self.blocks)} blocks")
        rest = iter(blocks)
        return "".join(part if isinstance(part, str) else next(rest) for part in self.parts)

    def with_attributes(self, texts: Sequence[str]) -> "MarkupDocument":
        """Return the document with other values of its attributes, one for each.

        Its blocks have the same texts. A value that stays the same is not written anew.
        """
        edits = [
            Edit(attribute.start, attribute.stop, attribute.write(text))
            for attribute, text in zip(self.attributes, texts, strict=True)
            if attribute.text != text
        ]
        if not edits:
            return self
        source = Edited.of(self.source, edits).text
        return parse(source, format=self.format, options=self.options)


def parse(
    source: str,
    *,
    format: Format,  # noqa: A002
    attributes: Collection[str] = (),
    options: TagOptions | None = None,
) -> MarkupDocument:
    """Parse any text as HTML or XML, in linear time; nothing is refused.

    Args:
        source: A document or a fragment, well-formed or not.
        format: Its language.
        attributes: Names of attributes whose values are to be translated. Those inside of elements
            that are copied are not.
        options: The client's own names of tags.
    """
    options = options or TagOptions()
    parser = _Parser(source, format, options, frozenset(attributes))
    parser.run()
    return MarkupDocument(source, format, options, tuple(parser.parts), tuple(parser.attributes))


class _Parser:
    def __init__(
        self, source: str, syntax: Format, options: TagOptions, attributes: frozenset[str]
    ) -> None:
        self._source = source
        self._syntax: Format = syntax
        self._wanted = attributes
        self._tokens = scan(source, syntax=syntax)
        self._tree: Tree = tree_of(self._tokens, ENDED_BY if syntax == "html" else {})
        make: type[HtmlRules | XmlRules] = HtmlRules if syntax == "html" else XmlRules
        self._rules: Rules = make(source, self._tokens, self._tree, options)
        self._copied_to = 0
        self._builder = BlockBuilder(source, 0)
        self.parts: list[str | Block] = []
        self.attributes: list[Attribute] = []

    def run(self) -> None:
        """Fill `parts` and `attributes`."""
        index = 0
        while index < len(self._tokens):
            index = self._add(index)
        self._end_block(len(self._source), len(self._source))
        if self._copied_to < len(self._source):
            self.parts.append(self._source[self._copied_to :])

    def _add(self, index: int) -> int:
        """Add the token, or the element that is copied; return the index of what follows."""
        token = self._tokens[index]
        if token.kind in {"open", "empty"} and self._rules.is_opaque(index):
            end = self._tree.end.get(index, index + 1)
            self._add_opaque(index, end)
            return end
        if token.name is not None:
            self._add_tag(index, token)
        elif token.kind == "text":
            keeps_space = self._rules.keeps_space(index)
            for run in decode(self._source, token.start, token.stop, syntax=self._syntax):
                self._builder.add_run(run, keeps_space=keeps_space)
        elif token.kind == "cdata":
            text = visible(list(self._runs(token)))
            self._builder.add_opaque(token.start, token.stop, text or _NO_WORD)
        else:
            self._builder.add_mark(token.start, token.stop)
        return index + 1

    def _add_tag(self, index: int, token: Token) -> None:
        if self._wanted and token.kind != "close":
            self.attributes.extend(
                attribute
                for attribute in attributes_of(self._source, token, syntax=self._syntax)
                if attribute.name in self._wanted
            )
        if self._rules.splits(index):
            self._end_block(token.start, token.stop)
            return
        partner = self._tree.partner.get(index)
        self._builder.add_mark(
            token.start,
            token.stop,
            pair=None if partner is None else min(index, partner),
            opens=token.kind == "open",
        )

    def _add_opaque(self, index: int, end: int) -> None:
        start, stop = self._tokens[index].start, self._tokens[end - 1].stop
        if self._rules.splits(index):
            self._end_block(start, stop)
            return
        shown = ""
        if self._rules.is_shown(index):
            runs = [run for token in self._tokens[index:end] for run in self._runs(token)]
            shown = visible(runs) or ("" if self._syntax == "html" else _NO_WORD)
        if shown:
            self._builder.add_opaque(start, stop, shown)
        else:
            self._builder.add_mark(start, stop)

    def _runs(self, token: Token) -> Iterator[Run]:
        """Yield the text that a reader sees of a token inside of what is copied."""
        if token.kind == "text":
            yield from decode(self._source, token.start, token.stop, syntax=self._syntax)
        elif token.kind == "cdata":
            start, stop = token.start + _CDATA_START, token.stop - _CDATA_STOP
            yield Run("literal", start, stop, self._source[start:stop])

    def _end_block(self, stop: int, next_start: int) -> None:
        """End the block at `stop`; the next begins at `next_start`."""
        block = self._builder.build(stop)
        self._builder = BlockBuilder(self._source, next_start)
        if block is not None:
            if self._copied_to < block.start:
                self.parts.append(self._source[self._copied_to : block.start])
            self.parts.append(block)
            self._copied_to = stop
