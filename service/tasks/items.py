"""One text of a request: its segments generated, streamed in order, and put together again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from model.engine.params import FinishReason, GenerationParams
from model.tokenizer.prompt import Task
from service.backend import FinishedEvent, ModelInfo, Output
from service.tasks.generation import Generation, all_or_nothing
from service.tasks.requests import Options
from service.tasks.schemas import Alternative, SegmentOutput
from service.text.documents import Document, Fits, document_of, split_to_fit

Kind = Literal["token", "segment"]
Emit = Callable[[Kind, int, str], None]  # kind, index of the item, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One text, in the segments that `model` will read; a text without any is its own answer."""

    index: int
    model: ModelInfo
    task: Task
    document: Document
    params: GenerationParams

    @property
    def stream_kind(self) -> Kind:
        """Tokens for one greedy or sampled output; with beams only whole segments are final.

        Of a segment the backend has the last word: a checkpoint may search with beams for this
        very pair of languages.
        """
        return "token" if self.params.num_beams == 1 and self.params.num_return == 1 else "segment"


async def answer(
    item: Item, generation: Generation, *, options: Options, emit: Emit | None
) -> dict[str, Any]:
    """The fields of `schemas.ItemOutput` for one item: only those that were asked for."""
    ordered = _InOrder(item, emit)

    async def one(position: int, text: str) -> FinishedEvent:
        finished = await generation.run(
            item.model,
            text,
            item.task,
            prefix=options.target_prefix if position == 0 else None,
            on_text=None if emit is None else partial(ordered.add, position),
        )
        ordered.close(position, finished.outputs[0].text)
        return finished

    segments = item.document.segments
    finished = await all_or_nothing([one(i, s.text) for i, s in enumerate(segments)])
    return _compose(item.document, finished, options=options)


async def fit(document: Document, fits: Fits) -> Document:
    """The document with each segment that the model cannot read whole in several."""
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
            emit(item.stream_kind, item.index, item.document.lead)

    def add(self, position: int, text: str) -> None:
        """More text of one segment."""
        if self._emit is None:
            return
        self._kinds[position] = "token"
        self._waiting[position] += text
        self._flush()

    def close(self, position: int, text: str) -> None:
        """One segment is finished: its whole text, unless it came in pieces; its gap follows."""
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


def _compose(
    document: Document, finished: Sequence[FinishedEvent], *, options: Options
) -> dict[str, Any]:
    best = [event.outputs[0] for event in finished]
    fields: dict[str, Any] = {
        "text": document.reassemble([output.text for output in best]),
        "truncated": any(event.truncated for event in finished),
    }
    with_score = "scores" in options.parts
    if with_score:
        fields["score"] = _mean_score(finished, rank=0)
    if "alternatives" in options.parts:
        fields["alternatives"] = _alternatives(document, finished, with_score=with_score)
    if "segments" in options.parts:
        fields["segments"] = [
            SegmentOutput(
                source=segment.text,
                text=event.outputs[0].text,
                truncated=event.truncated,
                **({"score": event.outputs[0].score} if with_score else {}),
            )
            for segment, event in zip(document.segments, finished, strict=True)
        ]
    return fields


def _alternatives(
    document: Document, finished: Sequence[FinishedEvent], *, with_score: bool
) -> list[Alternative]:
    """The second best of every segment together, then the third best, and so on."""
    num_ranks = max((len(event.outputs) for event in finished), default=1)
    return [
        Alternative(
            text=document.reassemble([_ranked(event, rank).text for event in finished]),
            **({"score": _mean_score(finished, rank=rank)} if with_score else {}),
        )
        for rank in range(1, num_ranks)
    ]


def _ranked(event: FinishedEvent, rank: int) -> Output:
    return event.outputs[min(rank, len(event.outputs) - 1)]


def _mean_score(finished: Sequence[FinishedEvent], *, rank: int) -> float | None:
    """The mean log-probability over the tokens of all segments; None if there were none."""
    if not finished:
        return None
    weighted = [(_ranked(e, rank).score, _num_tokens(e, rank)) for e in finished]
    return sum(score * n for score, n in weighted) / sum(n for _, n in weighted)


def _num_tokens(event: FinishedEvent, rank: int) -> int:
    """Generated tokens of one output: the end of the sentence is one too."""
    ended = 1 if event.finish_reason is FinishReason.STOP else 0
    return max(len(_ranked(event, rank).token_ids) + ended, 1)
