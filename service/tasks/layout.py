"""Cut a text, plain or with markup, into the segments that a model will read."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypedDict, Unpack

from service.spans import Span
from service.tasks.items import fit
from service.text.documents import Document, Mode, Segment, split
from service.text.fitting import Fits
from service.text.markup.document import MarkupDocument
from service.text.markup.segments import cut_block
from service.text.source_text import MarkedText, PlainText, SourceText

_MAX_AT_ONCE = 10_000  # characters that are cut before other requests have a turn
# 50,000 characters can take a second. One thread, as each more would slow the event loop down.
_LONG_TEXTS = ThreadPoolExecutor(1, thread_name_prefix="long-texts")
_BLOCK_COST = 100  # characters that take as much time as a block without any


@dataclass(frozen=True, slots=True)
class Layout:
    """A text in segments.

    Attributes:
        document: The segments' texts, as a reader sees them, and the gaps between them, which hold
            the markup of the text outside of segments.
        sources: One for each segment.
    """

    document: Document
    sources: Sequence[SourceText]


class Cutting(TypedDict):
    """Options of how a text is cut.

    Attributes:
        mode: The size of a segment.
        language: Code of the text's language.
        fits: Tells whether a segment is short enough for the model; None leaves all as they are.
    """

    mode: Mode
    language: str
    fits: Fits | None


async def lay_out(
    text: str, *, markup: MarkupDocument | None, **cutting: Unpack[Cutting]
) -> Layout:
    """Return a text in segments.

    Args:
        text: Any text.
        markup: The text as markup, its attributes translated already; None for plain text.
        cutting: How it is cut.
    """
    cut = partial(_cut, **cutting)
    num_done = 0
    if markup is None:
        document = await cut(text)
        return Layout(document, [PlainText(segment.text) for segment in document.segments])
    sources: list[MarkedText] = []
    gaps: list[list[str]] = [[]]
    for part in markup.parts:
        if isinstance(part, str):
            gaps[-1].append(part)
            continue
        num_done += _BLOCK_COST + len(part.text)
        if num_done > _MAX_AT_ONCE:
            num_done = 0
            await asyncio.sleep(0)
        block = cut_block(part, await _spans(part.text, cut))
        gaps[-1].append(block.lead)
        for segment in block.segments:
            sources.append(MarkedText(segment))
            gaps.append([segment.gap])
    lead, *rest = ("".join(parts) for parts in gaps)
    segments = (Segment(s.text, gap) for s, gap in zip(sources, rest, strict=True))
    return Layout(Document(lead, tuple(segments)), sources)


async def _cut(text: str, *, mode: Mode, language: str, fits: Fits | None) -> Document:
    cut = partial(split, text, mode=mode, language=language)
    if len(text) <= _MAX_AT_ONCE:
        document = cut()
    else:
        document = await asyncio.get_running_loop().run_in_executor(_LONG_TEXTS, cut)
    return document if fits is None else await fit(document, fits)


async def _spans(text: str, cut: Callable[[str], Awaitable[Document]]) -> list[Span]:
    """Return the spans of a block's text that are segments."""
    document = await cut(text)
    return [
        document.to_source(span)
        for span in document.row_spans([segment.text for segment in document.segments])
    ]
