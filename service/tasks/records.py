"""Requests and answers of the tasks, as every client API and the command line exchange them.

A dialect turns its bodies into these records and back; nothing here knows HTTP.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from model.engine.params import Priority
from service.backend import NO_OVERRIDES, ParamOverrides
from service.deadline import Deadline
from service.scores import OnOverflow
from service.spans import Link
from service.text.documents import Document, Mode
from service.text.glossary import Glossary
from service.text.markup.document import MarkupDocument, parse
from service.text.markup.tokens import Format
from service.text.markup.vocabulary import TagOptions

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
        return_confidence: Fill in `confidence`.
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
    return_confidence: bool = False
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
    return_confidence: bool
    on_overflow: Overflow
    priority: Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkupOptions:
    """The rules by which a text's markup is read.

    Attributes:
        format: Its language.
        attributes: Names of attributes whose values are translated, too.
        tags: The client's own names of tags.
    """

    format: Format
    attributes: frozenset[str] = frozenset()
    tags: TagOptions = field(default_factory=TagOptions)

    def parse(self, text: str) -> MarkupDocument:
        """Return a text as blocks and the markup between them."""
        return parse(text, format=self.format, attributes=self.attributes, options=self.tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslationRequest(TaskRequest):
    """Texts to translate; without `source_lang` the language of each is detected.

    Attributes:
        glossary: Terms with their translations; of the catalogue, or the request's own.
        markup: How to read the texts' markup; None for plain text.
        return_links: Align the words of each text and its translation.
    """

    target_lang: str
    source_lang: str | None = None
    glossary: Glossary | None = None
    split: Mode = "sentences"
    markup: MarkupOptions | None = None
    return_links: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRequest(TaskRequest):
    """Texts to summarize; without `style` in the model's first."""

    style: str | None = None
    split: Mode = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """One output of a segment.

    Attributes:
        text: What a reader sees, without markup.
        rendered: What stands in the item's answer: with markup, if the text had any.
        token_ids: The generated tokens, without special ones.
        num_tokens: Generated tokens, the end of the output included; 0 if no model was asked.
        score: Mean log-probability of the generated tokens; 0.0 where scores were not asked for.
        links: Words of the segment's source and of `text` that translate each other, in order of
            the target; empty if they were not asked for.
        confidence: Probability (0 to 1) that the output is good; None if it was not asked for.
    """

    text: str
    rendered: str
    token_ids: tuple[int, ...]
    num_tokens: int
    score: float
    links: tuple[Link, ...] = ()
    confidence: float | None = None


def mean(values: Sequence[float], outputs: Sequence[Rendition]) -> float | None:
    """Return the mean of one value for each output, by their tokens.

    None if a value is missing, or there are no tokens.
    """
    weights = [output.num_tokens for output in outputs]
    if len(values) < len(outputs) or not sum(weights):
        return None
    return sum(v * n for v, n in zip(values, weights, strict=True)) / sum(weights)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentAnswer:
    """One segment's outputs, best first; `truncated`: input or output was cut."""

    outputs: tuple[Rendition, ...]
    truncated: bool

    def ranked(self, rank: int) -> Rendition:
        """Return the output of that rank, from 0; the last one if there are fewer."""
        return self.outputs[min(rank, len(self.outputs) - 1)]


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another text for the same item, made of every segment's next best output."""

    text: str
    score: float | None


@dataclass(frozen=True, kw_only=True)
class ItemAnswer:
    """One text's answer.

    Attributes:
        document: The text in the segments that the model was given. With markup, gaps hold it.
        segments: The outputs of each segment.
        score: Mean log-probability over the generated tokens of all segments; None if scores were
            not requested or nothing was generated.
        confidence: The mean of the segments', by their lengths; None likewise.
        truncated: Some segment's input or output was cut.
        alternatives: Best first, without `text` itself.
        source_lang: Language of a translated text; None for a summary.
        detected: `source_lang` was detected, not given.
        has_markup: The text was read as HTML or XML.
    """

    text: str
    document: Document
    segments: tuple[SegmentAnswer, ...]
    truncated: bool
    score: float | None = None
    confidence: float | None = None
    alternatives: tuple[Alternative, ...] = ()
    source_lang: str | None = None
    detected: bool = False
    has_markup: bool = False

    @property
    def token_ids(self) -> tuple[int, ...]:
        """The best outputs' token ids, one segment after another, without special tokens."""
        return tuple(each for segment in self.segments for each in segment.outputs[0].token_ids)

    def links(self) -> Iterator[Link]:
        """Yield the links of the best outputs, as spans of the item's text and of its answer.

        Only for a text without markup, whose segments and gaps are all of the text.
        """
        texts = [segment.outputs[0].text for segment in self.segments]
        whole = self.document.edited(texts)
        sources = self.document.row_spans([segment.text for segment in self.document.segments])
        targets = self.document.row_spans(texts)
        for segment, source, target in zip(self.segments, sources, targets, strict=True):
            for link in segment.outputs[0].links:
                yield Link(
                    self.document.to_source(link.source + source.start),
                    whole.to_result(link.target + target.start),
                    link.weight,
                )


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
