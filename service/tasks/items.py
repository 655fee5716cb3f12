"""One text of a request: its segments generated, streamed in order, and put together again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, chain
from typing import Literal

from model.engine.params import FinishReason, GenerationParams
from model.tokenizer.prompt import Task
from service.backend import FinishedEvent, ModelInfo
from service.tasks.generation import Generation, all_or_nothing
from service.tasks.records import (
    Alternative,
    Candidate,
    ItemAnswer,
    SegmentAnswer,
    Span,
    TaskRequest,
)
from service.text.documents import Document, Fits, document_of, split_to_fit

Kind = Literal["token", "segment"]
Emit = Callable[[Kind, int, str], None]  # kind, index of the item, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One text, in the segments that `model` will read; a text without any is its own answer.

    `spans` are the segments' places in the client's text.
    """

    index: int
    model: ModelInfo
    task: Task
    document: Document
    spans: tuple[Span, ...]
    params: GenerationParams


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


def spans_of(document: Document, texts: Sequence[str] | None = None) -> tuple[Span, ...]:
    """Return each segment's span in the document, or in the document with `texts` in their place.

    Document("  ", (Segment("one", " "), Segment("two", ""))) gives Span(2, 5), Span(6, 9).
    """
    inner = [s.text for s in document.segments] if texts is None else texts
    lengths = ((len(t), len(s.gap)) for t, s in zip(inner, document.segments, strict=True))
    ends = list(accumulate(chain.from_iterable(lengths), initial=len(document.lead)))
    return tuple(map(Span, ends[:-1:2], ends[1::2]))


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


def _compose(item: Item, finished: Sequence[FinishedEvent], *, with_scores: bool) -> ItemAnswer:
    document = item.document
    candidates = [_candidates(event, with_scores=with_scores) for event in finished]
    texts = [ranked[0].text for ranked in candidates]
    num_ranks = max(map(len, candidates), default=1)
    return ItemAnswer(
        text=document.reassemble(texts),
        segments=tuple(
            SegmentAnswer(
                read=segment.text,
                source=source,
                target=target,
                candidates=ranked,
                truncated=event.truncated,
            )
            for segment, source, target, ranked, event in zip(
                document.segments,
                item.spans,
                spans_of(document, texts),
                candidates,
                finished,
                strict=True,
            )
        ),
        truncated=any(event.truncated for event in finished),
        score=_mean_score(candidates, rank=0),
        alternatives=tuple(
            Alternative(
                document.reassemble([_ranked(each, rank).text for each in candidates]),
                _mean_score(candidates, rank=rank),
            )
            for rank in range(1, num_ranks)
        ),
    )


def _candidates(event: FinishedEvent, *, with_scores: bool) -> tuple[Candidate, ...]:
    ended = 1 if event.finish_reason is FinishReason.STOP else 0  # the end of sentence is a token
    return tuple(
        Candidate(
            text=output.text,
            token_ids=output.token_ids,
            score=output.score if with_scores else None,
            num_tokens=max(len(output.token_ids) + ended, 1),
        )
        for output in event.outputs
    )


def _ranked(candidates: tuple[Candidate, ...], rank: int) -> Candidate:
    """Return the candidate of that rank; the last one of a segment that has fewer."""
    return candidates[min(rank, len(candidates) - 1)]


def _mean_score(candidates: Sequence[tuple[Candidate, ...]], *, rank: int) -> float | None:
    """Return the mean log-probability over the tokens of all segments, or None without scores."""
    total = num_tokens = 0.0
    for each in candidates:
        candidate = _ranked(each, rank)
        if candidate.score is None:
            return None
        total += candidate.score * candidate.num_tokens
        num_tokens += candidate.num_tokens
    return total / num_tokens if candidates else None
