"""The seam between the HTTP API and whatever runs the models: plain records and one protocol.

The API knows nothing behind it: not torch, not Ray, not which process a model lives in.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from model.engine.params import FinishReason, Priority
from model.tokenizer.prompt import Task

OnOverflow = Literal["truncate", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What one served model can do."""

    name: str
    task: Literal["translation", "summarization"]
    pairs: tuple[tuple[str, str], ...] = ()  # (source, target) language codes, translation only
    styles: tuple[str, ...] = ()  # summarization only; the first is the default
    max_input_tokens: int  # what the encoder reads, special tokens included
    max_new_tokens: int
    default_num_beams: int
    family: str
    num_parameters: int
    dtype: str
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRequest:
    """One segment of text for one model, already validated.

    `overrides` holds only the generation parameters the client set (fields of `GenerationParams`
    except `target_prefix_ids` and `return_scores`); the model's own defaults fill the rest.
    """

    request_id: str
    model: str
    text: str
    task: Task
    overrides: Mapping[str, Any] = field(default_factory=dict)
    target_prefix: str | None = None
    return_scores: bool = False
    on_overflow: OnOverflow = "error"
    priority: Priority = Priority.INTERACTIVE
    timeout_s: float = 30.0
    stream: bool = False  # send TokenEvents (greedy and sampling of one output only)


@dataclass(frozen=True, slots=True)
class Output:
    """One candidate answer, best first.

    `score` is the mean log-probability per generated token; 0.0 where scores were not asked for.
    `token_ids` are without special tokens.
    """

    text: str
    token_ids: tuple[int, ...]
    score: float


@dataclass(frozen=True, slots=True)
class TokenEvent:
    """More text of a streamed answer; the pieces joined are exactly the final text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedEvent:
    """The whole answer; always the last event."""

    outputs: tuple[Output, ...]
    finish_reason: FinishReason
    input_tokens: int
    output_tokens: int
    truncated: bool  # input cut to what the model reads, or output cut at max_new_tokens
    queue_s: float
    inference_s: float


Event = TokenEvent | FinishedEvent


class Backend(Protocol):
    """Runs segments through models.

    Closing the iterator of `generate` early (its `finally`) aborts the request; its place is free
    by the engine's next step. Errors are subclasses of `model.errors.ModelError`:
    InputTooLongError, InvalidParamsError, UnsupportedTaskError, QueueFullError,
    DeadlineExceededError, EngineStoppedError.
    """

    def models(self) -> Sequence[ModelInfo]:
        """Every model of the catalogue, in its order."""
        ...

    def generate(self, request: GenerateRequest) -> AsyncIterator[Event]: ...

    async def count_tokens(self, model: str, text: str, task: Task) -> int:
        """Encoder tokens the text would take, special tokens included."""
        ...

    def num_free_places(self) -> int:
        """Segments that can still be queued before `QueueFullError`."""
        ...

    def is_alive(self) -> bool:
        """The engine's heartbeat is fresh."""
        ...

    def is_ready(self) -> bool:
        """Every model of the catalogue can answer."""
        ...
