"""One text of a request: its segments generated, streamed in order, and put together again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from model.engine.params import FinishReason, GenerationParams
from model.tokenizer.prompt import Task
from service.backend import FinishedEvent, ModelInfo, Output
from service.tasks.generation import Generation, all_or_nothing
from service.tasks.records import Alternative, ItemAnswer, TaskRequest
from service.text.documents import Document, Fits, document_of, split_to_fit

Kind = Literal["token", "segment"]
Emit = Callable[[Kind, int, str], None]  # kind, index of the item, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One text, in the segments that `model` will read; a text without any is its own answer.

    `source` is the client's text in segments, as many, if they are not those of `document`.
    """

    index: int
    model: ModelInfo
    task: Task
    document: Document
    params: GenerationParams
    source: Document | None = None


async def answer(
    item: Item, generation: Generation, *, request: TaskRequest, emit: Emit | None
) -> ItemAnswer:
    """Generate all segments of the item at once; stream their texts to `emit` in order."""
    ordered = _InOrder(item, emit)

    async def one(position: int, text: str) -> FinishedEvent:
        finished = await generation.run(
            item.model,
            text,
            item.task,
            prefix=request.target_prefix if position == 0 else None,
            on_text=None if emit is None else partial(ordered.add, position),
        )
        ordered.close(position, finished.outputs[0].text)
        return finished

    segments = item.document.segments
    finished = await all_or_nothing([one(i, s.text) for i, s in enumerate(segments)])
    return _compose(item, finished, with_scores=request.return_scores)


async def fit(document: Document, fits: Fits) -> Document:
    """Return the document with each segment that does not fit cut into several that do."""
    parts: list[str] = [document.lead]
    for segment in document.segments:
        parts += [*await split_to_fit(segment.text, fits), segment.gap]
    is_unchanged = len(parts) == 1 + 2 * len(document.segments)
    return document if is_unchanged else document_of(parts)


class _InOrder:
    """Passes on the texts of an item's segments in their order, whichever is ready first."""

    def __init__(self, item: Item, emit: Emit | None) -> None:
        self._gaps = [segment.gap for segment in item.document.segments]
        self._waiting = [""] * len(self._gaps)
        self._kinds: list[Kind] = ["segment"] * len(self._gaps)
        self._closed = [False] * len(self._gaps)
        self._head = 0
        self._index = item.index
        self._emit = emit
        if emit is None:
            return
        if self._waiting:
            self._waiting[0] = item.document.lead
        elif item.document.lead:
            # No model is asked: the kind is the one that a model's answer would have had.
            kind: Kind = "token" if item.params.num_rows == 1 else "segment"
            emit(kind, item.index, item.document.lead)

    def add(self, position: int, text: str) -> None:
        """Add a piece of a segment's text; its segment is then sent token by token."""
        if self._emit is None:
            return
        self._kinds[position] = "token"
        self._waiting[position] += text
        self._flush()

    def close(self, position: int, text: str) -> None:
        """End a segment; `text` is all of it, in case no piece of it came."""
        if self._emit is None:
            return
        whole = "" if self._kinds[position] == "token" else text
        self._waiting[position] += whole + self._gaps[position]
        self._closed[position] = True
        self._flush()

    def _flush(self) -> None:
        while self._emit is not None and self._head < len(self._waiting):
            if self._waiting[self._head]:
                self._emit(self._kinds[self._head], self._index, self._waiting[self._head])
                self._waiting[self._head] = ""
            if not self._closed[self._head]:
                return
            self._head += 1


def _compose(item: Item, events: Sequence[FinishedEvent], *, with_scores: bool) -> ItemAnswer:
    document = item.document
    num_ranks = max((len(event.outputs) for event in events), default=1)
    return ItemAnswer(
        text=document.reassemble([event.outputs[0].text for event in events]),
        document=document,
        source=item.source or document,
        events=tuple(events),
        truncated=any(event.truncated for event in events),
        score=_mean_score(events, rank=0) if with_scores else None,
        alternatives=tuple(
            Alternative(
                document.reassemble([_ranked(event, rank).text for event in events]),
                _mean_score(events, rank=rank) if with_scores else None,
            )
            for rank in range(1, num_ranks)
        ),
    )


def _ranked(event: FinishedEvent, rank: int) -> Output:
    """Return the segment's output of that rank; its last one if it has fewer."""
    return event.outputs[min(rank, len(event.outputs) - 1)]


def _mean_score(events: Sequence[FinishedEvent], *, rank: int) -> float | None:
    """Return the mean log-probability over the tokens of all segments; None if there are none."""
    if not events:
        return None
    weighted = [(_ranked(event, rank).score, _num_tokens(event, rank)) for event in events]
    return sum(score * n for score, n in weighted) / sum(n for _, n in weighted)


def _num_tokens(event: FinishedEvent, rank: int) -> int:
    """Return the number of generated tokens of one output; the end of sentence is one too."""
    ended = 1 if event.finish_reason is FinishReason.STOP else 0
    return max(len(_ranked(event, rank).token_ids) + ended, 1)
