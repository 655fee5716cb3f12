"""Tell which tags split a text into blocks, and which elements are copied as they are."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

from service.text.markup.attributes import attributes_of
from service.text.markup.tokens import Token
from service.text.markup.tree import Tree
from service.text.markup.vocabulary import (
    BLOCKS,
    HIDDEN_OPAQUE,
    SHOWN_OPAQUE,
    UNCLOSED_RAW_TEXT,
    TagOptions,
)

_BLANK_BLOCKS = frozenset(["pre", "listing", "xmp"])


class Rules(Protocol):
    """The meaning of the tags of one document. Tokens are named by their index."""

    def splits(self, index: int) -> bool:
        """Return whether no sentence goes on across this tag."""

    def is_opaque(self, index: int) -> bool:
        """Return whether this opening tag's element is copied with all that is in it."""

    def is_shown(self, index: int) -> bool:
        """Return whether an opaque element stands for a word of its sentence."""

    def keeps_space(self, index: int) -> bool:
        """Return whether white space in this text is more than a blank between words."""


class HtmlRules:
    """Elements as browsers show them."""

    def __init__(
        self, source: str, tokens: Sequence[Token], tree: Tree, options: TagOptions
    ) -> None:
        self._source = source
        self._tokens = tokens
        self._tree = tree
        self._ignored = options.ignored
        self._blocks = (BLOCKS | _BLANK_BLOCKS | options.splitting) - options.non_splitting

    def splits(self, index: int) -> bool:
        return self._tokens[index].name in self._blocks

    def is_opaque(self, index: int) -> bool:
        """Return whether this opening tag's element is copied with all that is in it.

        An inline element that nothing closes is not: it would take the rest of the document.
        """
        token = self._tokens[index]
        if index not in self._tree.partner and not self.splits(index):
            return token.name in UNCLOSED_RAW_TEXT
        if token.name in SHOWN_OPAQUE or token.name in HIDDEN_OPAQUE:
            return True
        return token.name in self._ignored or self._is_marked(token)

    def is_shown(self, index: int) -> bool:
        return self._tokens[index].name not in HIDDEN_OPAQUE

    def keeps_space(self, index: int) -> bool:  # noqa: ARG002
        return False  # `pre` is opaque

    def _is_marked(self, tag: Token) -> bool:
        raw = self._source[tag.start : tag.stop].lower()
        if "translate" not in raw:
            return False
        return any(
            (attribute.name == "translate" and attribute.text.strip().lower() == "no")
            or (attribute.name == "class" and "notranslate" in attribute.text.lower().split())
            for attribute in attributes_of(self._source, tag, syntax="html")
        )


class XmlRules:
    """Elements by what stands around them, as the vocabulary is not known.

    An element is inline if its parent has text of its own, or is inline; otherwise it is a block.
    """

    def __init__(
        self, source: str, tokens: Sequence[Token], tree: Tree, options: TagOptions
    ) -> None:
        self._source = source
        self._tokens = tokens
        self._tree = tree
        self._options = options
        self._inline = self._find_inline() if options.outline_detection else None
        self._spaced = self._find_spaced() if "xml:space" in source else frozenset()

    def splits(self, index: int) -> bool:
        name = self._tokens[index].name
        if name in self._options.splitting:
            return True
        if name in self._options.non_splitting or self._inline is None:
            return False
        opening = self._tree.partner.get(index)
        if opening is None:
            return False
        return min(index, opening) not in self._inline

    def is_opaque(self, index: int) -> bool:
        token = self._tokens[index]
        if token.name in self._options.ignored:
            return token.kind == "empty" or index in self._tree.partner
        if index not in self._tree.partner:
            return False
        if "translat" not in self._source[token.start : token.stop]:
            return False
        return any(
            (attribute.name, attribute.text)
            in {("translate", "no"), ("its:translate", "no"), ("translatable", "false")}
            for attribute in attributes_of(self._source, token, syntax="xml")
        )

    def is_shown(self, index: int) -> bool:  # noqa: ARG002
        return True

    def keeps_space(self, index: int) -> bool:
        return self._tree.parent[index] in self._spaced

    def _find_inline(self) -> AbstractSet[int]:
        """Return the elements that are inline."""
        parent = self._tree.parent
        mixed = {parent[index] for index, token in enumerate(self._tokens) if self._is_text(token)}
        inline: set[int] = set()
        for index, token in enumerate(self._tokens):
            if token.kind != "open":
                continue
            is_inline = parent[index] in mixed or parent[index] in inline
            if token.name in self._options.non_splitting:
                is_inline = True
            if is_inline and token.name not in self._options.splitting:
                inline.add(index)
        return inline

    def _find_spaced(self) -> AbstractSet[int | None]:
        """Return the elements whose white space is kept, by `xml:space`."""
        spaced: set[int | None] = set()
        for index, token in enumerate(self._tokens):
            if token.kind == "open":
                value = None
                if "xml:space" in self._source[token.start : token.stop]:
                    for attribute in attributes_of(self._source, token, syntax="xml"):
                        value = attribute.text if attribute.name == "xml:space" else value
                if value == "preserve" or (value is None and self._tree.parent[index] in spaced):
                    spaced.add(index)
        return spaced

    def _is_text(self, token: Token) -> bool:
        if token.kind == "cdata":
            return True
        return token.kind == "text" and not self._source[token.start : token.stop].isspace()
