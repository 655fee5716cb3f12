"""The tags of one segment as a tree of elements."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from service.text.markup.blocks import Mark


@dataclass(slots=True, eq=False)
class Node:
    """An element, or part of one, that is around characters `start` to `stop` of a source.

    Attributes:
        start: Where its content begins.
        stop: Where it ends; `start` for what has no content.
        opening: Its opening tag; empty if that is in an earlier segment.
        closing: Its closing tag; empty if there is none, or in a later segment.
        begins_before: Whether it begins in an earlier segment.
        ends_after: Whether it ends in a later segment.
        children: What is inside, in order.
        place: Where its content is in the translation, start and stop.
    """

    start: int
    stop: int
    opening: str = ""
    closing: str = ""
    begins_before: bool = False
    ends_after: bool = False
    children: "list[Node]" = field(default_factory=list)
    place: tuple[int, int] = (0, 0)


def root_of(marks: Sequence[Mark], length: int) -> Node:
    """Return the tree of a segment's tags; its root is the segment, `length` characters."""
    num_tags: dict[int, int] = {}
    for mark in marks:
        if mark.pair is not None:
            num_tags[mark.pair] = num_tags.get(mark.pair, 0) + 1
    stack = [Node(0, length)]
    for mark in marks:
        top = stack[-1]
        if mark.pair is None:
            top.children.append(Node(mark.position, mark.position, mark.raw))
        elif mark.opens:
            ends_after = num_tags[mark.pair] == 1
            node = Node(mark.position, length, mark.raw, ends_after=ends_after)
            top.children.append(node)
            stack.append(node)
        elif num_tags[mark.pair] == 1:
            begun = Node(0, mark.position, closing=mark.raw, begins_before=True)
            begun.children, top.children = top.children, [begun]
        else:
            node = stack.pop()
            node.stop = mark.position
            node.closing = mark.raw
    return stack[0]


def tags_in_order(root: Node) -> Iterator[tuple[int, str]]:
    """Yield the tags of a tree, each with its position in the translation, in order.

    Among siblings at one position, what has no content comes first.
    """
    todo: list[Node | tuple[int, str]] = [root]
    while todo:
        item = todo.pop()
        if isinstance(item, Node):
            yield item.place[0], item.opening
            todo.append((item.place[1], item.closing))
            todo += sorted(item.children, key=_place)[::-1]
        else:
            yield item


def _place(node: Node) -> tuple[int, int]:
    return node.place
