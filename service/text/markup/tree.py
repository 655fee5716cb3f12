"""Find which tags belong together, in linear time at any depth."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from service.text.markup.tokens import Token


@dataclass(frozen=True, slots=True)
class Tree:
    """The elements of a source; an element is named by the index of its opening token.

    Attributes:
        partner: The index of the closing token by that of the opening one, and the reverse. A
            tag that nothing closes, or that closes nothing, is not in it.
        end: For each element, the index after its last token, also if nothing closes it.
        parent: For each token, the element that it is in; None at the top.
    """

    partner: Mapping[int, int]
    end: Mapping[int, int]
    parent: Sequence[int | None]


def tree_of(tokens: Sequence[Token], ended_by: Mapping[str, AbstractSet[str]]) -> Tree:
    """Return the elements of the tokens.

    A closing tag closes the innermost open element of its name, and ends those inside of that,
    which then have no closing tag. So pairs never cross.

    Args:
        tokens: A whole source.
        ended_by: For an element's name, the names whose opening ends it if it is the innermost.
    """
    builder = _Builder(tokens)
    for index, token in enumerate(tokens):
        if token.name is not None and token.kind != "close":
            builder.end_before(index, token.name, ended_by)
        builder.add(index, token)
    builder.end_all()
    return Tree(builder.partner, builder.end, builder.parent)


class _Builder:
    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._open: list[int] = []
        self._depths: dict[str, list[int]] = {}  # in `_open`, by name
        self.partner: dict[int, int] = {}
        self.end: dict[int, int] = {}
        self.parent: list[int | None] = []

    def end_before(self, index: int, name: str, ended_by: Mapping[str, AbstractSet[str]]) -> None:
        """End the elements that an opening tag ends."""
        while self._open and name in ended_by.get(self._tokens[self._open[-1]].name or "", ()):
            self._pop(index)

    def add(self, index: int, token: Token) -> None:
        if token.kind == "close" and token.name is not None and self._depths.get(token.name):
            depth = self._depths[token.name][-1]
            while len(self._open) > depth + 1:
                self._pop(index)
            opening = self._pop(index + 1)
            self.partner[opening] = index
            self.partner[index] = opening
        self.parent.append(self._open[-1] if self._open else None)
        if token.kind == "open" and token.name is not None:
            self._depths.setdefault(token.name, []).append(len(self._open))
            self._open.append(index)

    def end_all(self) -> None:
        while self._open:
            self._pop(len(self._tokens))

    def _pop(self, end: int) -> int:
        index = self._open.pop()
        self._depths[self._tokens[index].name or ""].pop()
        self.end[index] = end
        return index
