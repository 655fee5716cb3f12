"""One text of a request: its segments generated, streamed in order, and put together again."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from model.engine.params import FinishReason
from service.backend import FinishedEvent, Output
from service.tasks.generation import OnText, all_or_nothing
from service.tasks.records import Alternative, ItemAnswer, Rendition, SegmentAnswer, mean
from service.text.assembly import Assembly
from service.text.documents import Document
from service.text.fitting import Fits, split_to_fit

Kind = Literal["token", "segment"]
Emit = Callable[[Kind, int, str], None]  # kind, index of the item, text
# Answers the segment of that position; passes pieces of its text on, if it streams.
AnswerSegment = Callable[[int, OnText | None], Coroutine[Any, Any, SegmentAnswer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One text in segments; a text without any is its own answer.

    Attributes:
        index: Its place in the request.
        document: The text in segments.
        streams_tokens: A segment that streams is sent token by token.
        with_scores: Scores were asked for, and the backend fills them in.
        source_lang: As in `ItemAnswer`.
        detected: Likewise.
        has_markup: Likewise.
    """

    index: int
    document: Document
    streams_tokens: bool
    with_scores: bool
    source_lang: str | None = None
    detected: bool = False
    has_markup: bool = False


async def answer(item: Item, answer_segment: AnswerSegment, *, emit: Emit | None) -> ItemAnswer:
    """Answer all segments of the item at once; stream their texts to `emit` in order."""
    positions = range(len(item.document.segments))
    if emit is None:
        return _compose(item, await all_or_nothing([answer_segment(i, None) for i in positions]))
    ordered = _InOrder(item, emit)

    async def one(position: int) -> SegmentAnswer:
        found = await answer_segment(position, partial(ordered.add, position))
        ordered.close(position, found.outputs[0].rendered)
        return found

    return _compose(item, await all_or_nothing([one(i) for i in positions]))


def rendition(event: FinishedEvent, output: Output) -> Rendition:
    """Return one output of a finished segment, with its text as it was generated."""
    ended = 1 if event.finish_reason is FinishReason.STOP else 0  # the end of sentence is a token
    return Rendition(
        text=output.text,
        rendered=output.text,
        token_ids=output.token_ids,
        num_tokens=max(len(output.token_ids) + ended, 1),
        score=output.score,
    )


def as_generated(event: FinishedEvent, *, confidence: float | None = None) -> SegmentAnswer:
    """Return a segment's answer with the texts as they were generated.

    `confidence` is the best output's.
    """
    best, *others = [rendition(event, output) for output in event.outputs]
    if confidence is not None:
        best = replace(best, confidence=confidence)
    return SegmentAnswer(outputs=(best, *others), truncated=event.truncated)


async def fit(document: Document, fits: Fits) -> Document:
    """Return the document with each segment that does not fit cut into several that do."""
    parts = [await split_to_fit(segment.text, fits) for segment in document.segments]
    return document if all(len(each) == 1 for each in parts) else document.divided(parts)


class _InOrder:
    """Passes on the texts of an item's segments in their order, whichever is ready first."""

    def __init__(self, item: Item, emit: Emit) -> None:
        self._segments = item.document.segments
        self._waiting = [""] * len(self._segments)
        self._kinds: list[Kind] = ["segment"] * len(self._segments)
        self._closed = [False] * len(self._segments)
        self._head = 0
        self._lead = item.document.lead
        self._assembly = Assembly(self._lead)
        self._index = item.index
        self._emit = emit
        if self._segments:
            self._segments[0].begin(self._assembly)
        elif self._lead:
            # No model is asked: the kind is the one that a model's answer would have had.
            emit("token" if item.streams_tokens else "segment", item.index, self._lead)

    def add(self, position: int, text: str) -> None:
        """Add a piece of a segment's text; its segment is then sent token by token."""
        self._kinds[position] = "token"
        self._waiting[position] += text
        self._flush()

    def close(self, position: int, text: str) -> None:
        """End a segment; `text` is all of it, in case no piece of it came."""
        whole = "" if self._kinds[position] == "token" else text
        self._waiting[position] += whole
        self._closed[position] = True
        self._flush()

    def _flush(self) -> None:
        while self._head < len(self._segments):
            if not (self._waiting[self._head] or self._closed[self._head]):
                return  # nor is it known yet of which kind its pieces will be
            piece = self._lead + self._assembly.add(self._waiting[self._head])
            self._waiting[self._head] = self._lead = ""
            is_closed = self._closed[self._head]
            if is_closed:
                piece += self._assembly.gap(self._segments[self._head].gap)
            is_last = self._head == len(self._segments) - 1
            if is_closed and is_last:
                piece += self._assembly.end()
            if piece:
                self._emit(self._kinds[self._head], self._index, piece)
            if not is_closed:
                return
            self._head += 1
            if not is_last:
                self._segments[self._head].begin(self._assembly)


def _compose(item: Item, segments: Sequence[SegmentAnswer]) -> ItemAnswer:
    document = item.document

    def text(rank: int) -> str:
        return document.reassemble([segment.ranked(rank).rendered for segment in segments])

    def score(rank: int) -> float | None:
        if not item.with_scores:
            return None
        outputs = [segment.ranked(rank) for segment in segments]
        return mean([output.score for output in outputs], outputs)

    best = [segment.outputs[0] for segment in segments]
    confidences = [output.confidence for output in best if output.confidence is not None]
    num_ranks = max((len(segment.outputs) for segment in segments), default=1)
    return ItemAnswer(
        text=text(0),
        document=document,
        segments=tuple(segments),
        truncated=any(segment.truncated for segment in segments),
        score=score(0),
        confidence=mean(confidences, best) if confidences else None,
        alternatives=tuple(Alternative(text(rank), score(rank)) for rank in range(1, num_ranks)),
        source_lang=item.source_lang,
        detected=item.detected,
        has_markup=item.has_markup,
    )
