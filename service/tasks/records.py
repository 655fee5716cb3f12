"""Requests and answers of the tasks, as every client API and the command line exchange them.

A dialect turns its bodies into these records and back; nothing here knows HTTP.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain
from typing import Literal, TypedDict

from model.engine.params import Priority
from service.backend import NO_OVERRIDES, FinishedEvent, OnOverflow, Output, ParamOverrides
from service.deadline import Deadline
from service.spans import Span
from service.text.documents import Document, Mode

Overflow = Literal["split", "truncate", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRequest:
    """Fields that a translation and a summary have in common.

    Attributes:
        request_id: Names the request in logs.
        text: One or more texts; each gets an answer of its own.
        deadline: Covers the whole request.
        model: Name of a served model; None picks the first that fits.
        split: How each text is cut into segments.
        overrides: Generation parameters that the client set, for every segment.
        target_prefix: Forced beginning of each item's output.
        return_scores: Fill in `score` in the answer.
        on_overflow: Split, cut or refuse a segment longer than the model reads.
    """

    request_id: str
    text: tuple[str, ...]
    deadline: Deadline
    model: str | None = None
    split: Mode
    overrides: ParamOverrides = NO_OVERRIDES
    target_prefix: str | None = None
    return_scores: bool = False
    on_overflow: Overflow = "split"
    priority: Priority = Priority.INTERACTIVE

    @property
    def num_characters(self) -> int:
        """Unicode code points of all texts together."""
        return sum(map(len, self.text))

    @property
    def backend_overflow(self) -> OnOverflow:
        """The backend's treatment of a segment that is still too long after splitting."""
        return "truncate" if self.on_overflow == "truncate" else "error"


class TaskFields(TypedDict):
    """The fields of a `TaskRequest` by name, for a caller that makes both kinds of request."""

    request_id: str
    text: tuple[str, ...]
    deadline: Deadline
    model: str | None
    split: Mode
    overrides: ParamOverrides
    target_prefix: str | None
    return_scores: bool
    on_overflow: Overflow
    priority: Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslationRequest(TaskRequest):
    """Texts to translate; without `source_lang` the language of each is detected."""

    target_lang: str
    source_lang: str | None = None
    split: Mode = "sentences"


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRequest(TaskRequest):
    """Texts to summarize; without `style` in the model's first."""

    style: str | None = None
    split: Mode = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentAnswer:
    """One segment's outputs, and where it stands in the item's source and target text.

    Attributes:
        read: The text that the model read: for a summary with its white space collapsed, or the
            summaries of its parts.
        outputs: Best first; the target text holds the first.
        truncated: Input or output was cut.
    """

    read: str
    source: Span
    target: Span
    outputs: tuple[Output, ...]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another text for the same item, made of every segment's next best output."""

    text: str
    score: float | None


@dataclass(frozen=True, kw_only=True)
class ItemAnswer:
    """One text's answer.

    Attributes:
        document: The text in the segments that the model read.
        source: The client's text in segments, as many; the same document unless a summarizer
            rewrote them.
        events: The outputs of each segment.
        score: Mean log-probability over the generated tokens of all segments; None if scores were
            not requested or nothing was generated.
        truncated: Some segment's input or output was cut.
        alternatives: Best first, without `text` itself.
        source_lang: Language of a translated text; None for a summary.
        detected: `source_lang` was detected, not given.
    """

    text: str
    document: Document
    source: Document
    events: tuple[FinishedEvent, ...]
    truncated: bool
    score: float | None = None
    alternatives: tuple[Alternative, ...] = ()
    source_lang: str | None = None
    detected: bool = False

    @cached_property
    def segments(self) -> tuple[SegmentAnswer, ...]:
        """Each segment's outputs and spans, in order."""
        targets = [event.outputs[0].text for event in self.events]
        sources = [segment.text for segment in self.source.segments]
        found = zip(
            self.document.segments,
            _spans(self.source, sources),
            _spans(self.document, targets),
            self.events,
            strict=True,
        )
        return tuple(
            SegmentAnswer(
                read=segment.text,
                source=source,
                target=target,
                outputs=event.outputs,
                truncated=event.truncated,
            )
            for segment, source, target, event in found
        )

    @property
    def token_ids(self) -> tuple[int, ...]:
        """The best outputs' token ids, one segment after another, without special tokens."""
        return tuple(each for event in self.events for each in event.outputs[0].token_ids)


def _spans(document: Document, texts: Sequence[str]) -> tuple[Span, ...]:
    """Return the spans of `texts` where they replace the segments' own.

    Document("  ", (Segment("one", " "), Segment("two", ""))) and its own texts give Span(2, 5) and
    Span(6, 9).
    """
    lengths = ((len(t), len(s.gap)) for t, s in zip(texts, document.segments, strict=True))
    ends = list(accumulate(chain.from_iterable(lengths), initial=len(document.lead)))
    return tuple(map(Span, ends[:-1:2], ends[1::2]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Counts over all segments of a request; times, in seconds, are those of the slowest."""

    input_characters: int
    input_tokens: int
    output_tokens: int
    queue_s: float
    inference_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAnswer:
    """An answer for every text, in order; `model` is the name of the first item's model."""

    model: str
    items: tuple[ItemAnswer, ...]
    usage: Usage


class TranslationAnswer(TaskAnswer):
    """The translations."""


class SummaryAnswer(TaskAnswer):
    """The summaries."""
