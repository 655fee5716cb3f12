"""Translate markup in tests by translations and links that are written by hand."""

import re
from collections.abc import Iterable, Sequence

from service.spans import Link, Span
from service.text.edits import Edit, Edited
from service.text.markup.document import MarkupDocument
from service.text.markup.segments import MarkedSegment, cut_block

_OPAQUE = re.compile("\u27e6(.*?)\u27e7", re.DOTALL)


def links_of(source: str, target: str, pairs: str) -> list[Link]:
    """Return links by pairs of words: "Save=Speichern the#2=das"; `#n` is the n-th occurrence."""
    return [
        Link(_find(source, left), _find(target, right), 1.0)
        for left, right in (pair.split("=") for pair in pairs.split())
    ]


def scattered_links(source: str, target: str, *, weight: float) -> list[Link]:
    """Return links of each word of the target with two words of the source that mean nothing."""
    sources, targets = _words(source), _words(target)
    return [
        Link(sources[(step * number + 1) % len(sources)], word, weight)
        for number, word in enumerate(targets)
        for step in (3, 5)
    ]


def plain(target: str) -> str:
    """Return a translation without the signs around what is copied."""
    return _OPAQUE.sub(r"\1", target)


def placed(segment: MarkedSegment, target: str, pairs: str, others: Sequence[Link] = ()) -> str:
    """Return the markup of a translation in which copied elements stand in ⟦ and ⟧."""
    edits: list[Edit] = [Edit(*match.span(), match[1]) for match in _OPAQUE.finditer(target)]
    edited = Edited.of(target, edits)
    opaque = [edited.to_result(Span(edit.start, edit.stop)) for edit in edits]
    links = links_of(segment.text, edited.text, pairs)
    return segment.place(edited.text, [*links, *others], opaque)


def translated(
    document: MarkupDocument,
    translations: Iterable[tuple[str, str]],
    others: Sequence[Link] = (),
) -> str:
    """Return the document with a translation and the pairs of its words for each sentence.

    `others` are further links of every sentence.
    """
    rest = iter(translations)
    blocks = []
    for block in document.blocks:
        cut = cut_block(block, sentences(block.text))
        markup = [placed(segment, *next(rest), others) for segment in cut.segments]
        blocks.append(cut.reassemble(markup))
    assert next(rest, None) is None
    return document.render(blocks)


def sentences(text: str) -> list[Span]:
    """Return the spans that end with a full stop, exclamation or question mark, or the text."""
    return [Span(*match.span()) for match in re.finditer(r"[^\s.!?][^.!?]*[.!?]*", text)]


def _find(text: str, word: str) -> Span:
    word, _, number = word.partition("#")
    found = [match.span() for match in re.finditer(re.escape(word), text)]
    assert found, f"{word!r} is not in {text!r}"
    return Span(*found[int(number or 1) - 1])


def _words(text: str) -> list[Span]:
    return [Span(*match.span()) for match in re.finditer(r"\w+|[^\w\s]", text)]
