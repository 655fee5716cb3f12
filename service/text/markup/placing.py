"""Put the tags of a segment into its translation, by the links between their words.

From the outside inwards: the children of an element share out its part of the translation, so
that tags never cross. An element goes around the target words that its own are linked with; where
those are scattered, around the run that has most of them and fewest others. What has no content
goes beside the word that it stood beside.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Protocol

from service.spans import Link, Span
from service.text.markup.blocks import Mark
from service.text.markup.level import Level
from service.text.markup.nodes import Node, root_of, tags_in_order
from service.text.markup.references import Writer
from service.text.markup.ties import Texts, Tie, without_weak
from service.text.markup.units import Units
from service.text.masking import Protected

# Elements nested deeper inside a segment are placed by proportion: the time stays linear.
_MAX_LINKED_DEPTH = 16


class Segment(Protocol):
    """The text of a segment, the copied elements in it, and its tags."""

    @property
    def text(self) -> str: ...
    @property
    def opaque(self) -> tuple[Protected, ...]: ...
    @property
    def marks(self) -> tuple[Mark, ...]: ...


def place(
    segment: Segment,
    translation: str,
    *,
    links: Sequence[Link],
    opaque: Sequence[Span],
    kept: Sequence[tuple[Span, Span]],
    writer: Writer,
) -> str:
    """Return the markup of a translation: the text by `writer`, each of the segment's tags once.

    Args:
        segment: The source.
        translation: A text in which copied elements stand as markup.
        links: Which words of the two texts belong together.
        opaque: Where in `translation` the copied elements are, in order.
        kept: Other parts of the two texts that are the same, in which no tag is to stand.
        writer: Escapes the text between them.
    """
    kept = _without_tags(kept, segment.marks)
    whole = [Span(span.start, span.stop) for span in segment.opaque]
    texts = Texts(
        Units(segment.text, sorted([*whole, *(source for source, _ in kept)])),
        Units(translation, sorted([*opaque, *(target for _, target in kept)])),
    )
    copies, lost = _match_opaque(segment.opaque, translation, opaque)
    copies += kept
    ties = [tie for source, target in copies for tie in texts.ties(source, target, _COPY_WEIGHT)]
    for link in links:
        ties += texts.ties(link.source, link.target, link.weight)
    ties = without_weak(ties)
    root = root_of(_with_lost(segment.marks, lost), len(segment.text))
    root.place = (0, len(translation))
    _arrange(texts, root, ties)
    return _write(root, translation, opaque, writer)


_COPY_WEIGHT = 2.0  # of a link between a copied element and itself: surer than a model's


def _arrange(texts: Texts, root: Node, ties: list[Tie]) -> None:
    """Set the places of all nodes, level by level, without recursion."""
    todo = [(root, ties, 0)]
    while todo:
        node, ties, depth = todo.pop()
        if node.children:
            level = Level(texts, node, ties if depth < _MAX_LINKED_DEPTH else [])
            todo += [(child, own, depth + 1) for child, own in level.arrange()]


def _without_tags(
    kept: Sequence[tuple[Span, Span]], marks: Sequence[Mark]
) -> list[tuple[Span, Span]]:
    """Return the kept parts that have no tag inside of them in the source."""
    positions = [mark.position for mark in marks]
    return [
        (source, target)
        for source, target in kept
        if bisect_right(positions, source.start) == bisect_left(positions, source.stop)
    ]


def _match_opaque(
    sources: Sequence[Protected], translation: str, targets: Sequence[Span]
) -> tuple[list[tuple[Span, Span]], list[Protected]]:
    """Return which copied element is where in the translation, and those that are nowhere."""
    by_raw: dict[str, list[Protected]] = {}
    for source in reversed(sources):
        by_raw.setdefault(source.replacement, []).append(source)
    pairs: list[tuple[Span, Span]] = []
    for target in targets:
        same = by_raw.get(translation[target.start : target.stop])
        if same:
            source = same.pop()
            pairs.append((Span(source.start, source.stop), target))
    lost = sorted((s for rest in by_raw.values() for s in rest), key=lambda s: s.start)
    return pairs, lost


def _with_lost(marks: Sequence[Mark], lost: Sequence[Protected]) -> list[Mark]:
    """Return the marks in order, with one for each copied element that was lost."""
    added = [Mark(span.start, 0, span.replacement, None, opens=False) for span in lost]
    return sorted([*marks, *added], key=lambda mark: mark.position)


def _write(root: Node, translation: str, opaque: Sequence[Span], writer: Writer) -> str:
    output: list[str] = []
    at = 0
    copied = 0  # of `opaque`
    for position, raw in tags_in_order(root):
        while at < position:
            if copied < len(opaque) and opaque[copied].start < position:
                span = opaque[copied]
                output.append(writer.write(translation[at : span.start]))
                output.append(translation[span.start : span.stop])
                at = span.stop
                copied += 1
            else:
                output.append(writer.write(translation[at:position]))
                at = position
        output.append(raw)
    return "".join(output)
