"""The seam between the HTTP API and whatever runs the models: plain records and one protocol.

The API knows nothing behind it: not torch, not Ray, not which process a model lives in.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from model.engine.params import FinishReason, Priority
from model.tokenizer.prompt import Task
from service.pairs import NO_PAIRS, Pairs

OnOverflow = Literal["truncate", "error"]
TaskName = Literal["translation", "summarization"]
# Of a lazy model: `not_loaded` until its first request, `failed` if it could not be loaded then.
ModelState = Literal["loaded", "loading", "not_loaded", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What one served model can do, and what is known of it.

    Attributes:
        name: What clients call it.
        version: Another each time that other weights take its name.
        tasks: What it is offered for, the first foremost.
        pairs: What it translates.
        styles: How it summarizes; the first is the default.
        default_for: Tasks and pairs (`en-de`) for which it goes before the models listed earlier.
        state: Whether its weights are in memory.
        is_offered: False while an operator's change loads it: listed, but given no request yet.
        origin: Where its files are from: `bundled/NAME`, a hub's id, or `folder`.
        revision: The commit of files from a hub.
        max_input_tokens: What the encoder reads, special tokens included.
        max_waiting: Segments that may queue for it.
        defaults: Generation parameters of a request that names none.
        weights_bytes: Memory that they take; None where they are not loaded.
        quantize: How weights are stored that compute in `dtype`.
        kernels: Whose compute: `pytorch`, or our own with the instructions that they use.
    """

    name: str
    version: int = 0
    tasks: tuple[TaskName, ...]
    pairs: Pairs = NO_PAIRS
    styles: tuple[str, ...] = ()
    default_for: tuple[str, ...] = ()
    state: ModelState = "loaded"
    is_offered: bool = True
    origin: str = ""
    revision: str | None = None
    max_input_tokens: int
    max_new_tokens: int
    max_waiting: int | None = None
    default_num_beams: int
    defaults: Mapping[str, Any] = field(default_factory=dict)
    family: str
    num_parameters: int
    weights_bytes: int | None = None
    dtype: str
    quantize: Literal["int8"] | None = None
    device: str
    kernels: str = "pytorch"

    @property
    def handle(self) -> str:
        """What a `GenerateRequest` calls it: these very weights, whatever takes the name later."""
        return f"{self.name}#{self.version}" if self.version else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRequest:
    """One segment of text for one model, already validated.

    `overrides` holds only the generation parameters the client set (fields of `GenerationParams`
    except `target_prefix_ids` and `return_scores`); the model's own defaults fill the rest.
    """

    request_id: str
    model: str  # its handle
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
        """Every model, in the catalogue's order; the same object until one changes."""
        ...

    def hold(self, models: Iterable[ModelInfo]) -> AbstractContextManager[None]:
        """Within it these models answer, even if others take their places meanwhile."""
        ...

    def generate(self, request: GenerateRequest) -> AsyncIterator[Event]: ...

    async def count_tokens(self, model: str, text: str, task: Task) -> int:
        """Encoder tokens the text would take in the model of that handle, special ones included."""
        ...

    def num_free_places(self, model: str) -> int:
        """Segments that can still be queued for the model of that handle, before QueueFullError."""
        ...

    def is_alive(self) -> bool:
        """The engine's heartbeat is fresh."""
        ...

    def is_ready(self) -> bool:
        """Every model that is not lazy can answer."""
        ...
