"""Given outputs and their scores: records that a backend takes and gives beside generation."""

from dataclasses import dataclass
from typing import Literal

from model.engine.params import Priority
from model.tokenizer.prompt import Task
from service.deadline import Deadline
from service.spans import Link, Span

# Treatment of a text that is longer than the model reads.
OnOverflow = Literal["truncate", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRequest:
    """A given output of one segment, to be read by the decoder in one pass (teacher forcing).

    Attributes:
        request_id: Names the client's request in logs.
        model: The handle of a served model (`ModelInfo.handle`).
        text: What the model read, or would read.
        output: What it wrote, or somebody else: a text, or token ids without special tokens.
        on_overflow: `truncate` reads of a longer text what `GenerateRequest` would have read of it.
        with_links: Align the words of both texts, too.
    """

    request_id: str
    model: str
    text: str
    task: Task
    output: str | tuple[int, ...]
    deadline: Deadline
    on_overflow: OnOverflow = "error"
    priority: Priority = Priority.INTERACTIVE
    with_links: bool = False


@dataclass(frozen=True, slots=True)
class ScoredToken:
    """One token of an output: its span of the output's text and its log-probability."""

    span: Span
    logprob: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """An output as the model sees it.

    Attributes:
        text: The output's text; the spans of tokens and links are of it.
        tokens: What a generation of the output counts as generated, in order: a forced first token,
            such as a language tag, the output, and its end. The forced one and the end have empty
            spans.
        confidence: 0 to 1; see `model.confidence`.
        links: Word alignment of the request's `text` and `text`; empty if it was not asked for.
        input_tokens: Encoder tokens, special ones included.
    """

    text: str
    tokens: tuple[ScoredToken, ...]
    confidence: float
    links: tuple[Link, ...]
    input_tokens: int

    @property
    def score(self) -> float:
        """The mean log-probability of the tokens."""
        return sum(token.logprob for token in self.tokens) / len(self.tokens)
