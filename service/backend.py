"""The seam between tasks and the engines that run models: plain records and one protocol.

Nothing above it knows torch, Ray, or the process that a model lives in.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Protocol

from model.engine.params import FinishReason, Priority
from model.tokenizer.prompt import Task
from service.deadline import Deadline
from service.pairs import NO_PAIRS, Pairs
from service.scores import OnOverflow, Scored, ScoreRequest
from service.spans import Span

TaskName = Literal["translation", "summarization"]
# Of a lazy model: `not_loaded` until its first request, `failed` if it could not be loaded then.
ModelState = Literal["loaded", "loading", "not_loaded", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """One served model: what it can do, where it is from, and its limits.

    Attributes:
        name: The name that clients use.
        version: A number that grows each time other weights take the name.
        tasks: The tasks it is offered for; the first is its main one.
        pairs: The language pairs it translates.
        styles: The styles of its summaries; the first is the default.
        default_for: Tasks and pairs (`en-de`) for which it goes before the models listed earlier.
        state: Whether its weights are in memory.
        is_offered: False while an operator's change loads it: listed, but given no request yet.
        origin: Where its files are from: `bundled/NAME`, a hub's id, or `folder`.
        revision: The commit of files from a hub.
        max_input_tokens: The longest encoder input, special tokens included.
        max_waiting: Segments that may queue for it.
        defaults: Generation parameters of a request that names none.
        weights_bytes: Memory that they take; None where they are not loaded.
        quantize: How weights are stored that compute in `dtype`.
        kernels: What computes: `pytorch`, or `own` with the instructions it uses.
        stand_ins: Strings that this model was seen to copy, for what must come back unchanged; best
            first.
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
    stand_ins: tuple[str, ...] = ()

    @property
    def handle(self) -> str:
        """Name and version: these weights, even after others have taken the name."""
        return f"{self.name}#{self.version}" if self.version else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ParamOverrides:
    """Generation parameters that a request sets; None leaves one to the model's own default.

    Names and meanings are those of `model.engine.params.GenerationParams`.
    """

    num_beams: int | None = None
    num_return: int | None = None
    max_new_tokens: int | None = None
    length_penalty: float | None = None
    repetition_penalty: float | None = None
    no_repeat_ngram_size: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    seed: int | None = None

    def given(self) -> dict[str, Any]:
        """Return the parameters that are set, by name."""
        pairs = ((name, getattr(self, name)) for name in _PARAM_NAMES)
        return {name: value for name, value in pairs if value is not None}


_PARAM_NAMES = tuple(each.name for each in fields(ParamOverrides))


NO_OVERRIDES = ParamOverrides()


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRequest:
    """One segment of text for one model, already validated.

    Attributes:
        request_id: Names the client's request in logs; segments of one request share it.
        model: The handle of a served model (`ModelInfo.handle`).
        target_prefix: Forced beginning of the output.
        return_scores: Compute log-probabilities; greedy decoding is slower with them.
        on_overflow: Cut a segment longer than the model reads, or raise InputTooLongError.
        stream: Send a TokenEvent for each piece of text, if one output is decoded without beams.
    """

    request_id: str
    model: str
    text: str
    task: Task
    deadline: Deadline
    overrides: ParamOverrides = NO_OVERRIDES
    target_prefix: str | None = None
    return_scores: bool = False
    on_overflow: OnOverflow = "error"
    priority: Priority = Priority.INTERACTIVE
    stream: bool = False


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
    """The whole answer; always the last event.

    `truncated`: the input was cut to the model's limit, or the output at `max_new_tokens`.
    """

    outputs: tuple[Output, ...]
    finish_reason: FinishReason
    input_tokens: int
    output_tokens: int
    truncated: bool
    queue_s: float
    inference_s: float


Event = TokenEvent | FinishedEvent


class Backend(Protocol):
    """Runs segments through models. All methods belong to one event loop."""

    def models(self) -> Sequence[ModelInfo]:
        """Return every model in the catalogue's order; the same object until one changes."""
        ...

    def hold(self, models: Iterable[ModelInfo]) -> AbstractContextManager[None]:
        """Keep these models loaded within the block, even if others take their names meanwhile."""
        ...

    def generate(self, request: GenerateRequest) -> AsyncIterator[Event]:
        """Yield TokenEvents, if the request streams, then one FinishedEvent with STOP or LENGTH.

        Closing the iterator early aborts the request; its rows are free by the engine's next step.
        Every failure is raised, at the first or any later event, and nothing follows it:

        Raises:
            ModelNotFoundError: no served model has the handle.
            ModelNotLoadedError: a lazy model could not be loaded.
            UnsupportedTaskError: the model lacks the language or the style.
            InvalidParamsError: a parameter is out of range for the model.
            InputTooLongError: the segment is too long, and `on_overflow` is "error".
            QueueFullError: `max_waiting` segments wait for the model already.
            DeadlineExceededError: the deadline passed; a partial output is dropped.
            NoMemoryError: the segment does not fit into the device's memory, even alone.
            NoTokenError: every next token is excluded, or the logits are not numbers.
            EngineStoppedError: the engine was stopped, or failed.
        """
        ...

    async def score(self, request: ScoreRequest) -> Scored:
        """Return the log-probabilities, and the links if asked for, of a given output.

        Raises:
            ModelNotFoundError, ModelNotLoadedError, UnsupportedTaskError: as in `generate`.
            InputTooLongError, OutputTooLongError: the text or the output is longer than the model
                takes; the text only if `on_overflow` is "error".
            InvalidParamsError: a token id of the output does not exist.
            QueueFullError, DeadlineExceededError, NoMemoryError, EngineStoppedError: as in
                `generate`.
            NoTokenError: the log-probabilities are not numbers.
        """
        ...

    async def count_tokens(self, model: str, text: str, task: Task) -> int:
        """Return the encoder tokens of the text in the model of that handle, special ones included.

        Raises:
            ModelNotFoundError, ModelNotLoadedError, UnsupportedTaskError: as in `generate`.
        """
        ...

    def unknown_spans(self, model: str, text: str) -> tuple[Span, ...]:
        """Return where the model of that handle can read neither the characters nor look-alikes.

        Whole words, in order; words with only blanks between them are one span. None of a text
        whose characters the model knows, at the cost of looking each of them up, and none as long
        as a lazy model is not loaded.

        Raises:
            ModelNotFoundError: no served model has the handle.
        """
        ...

    def num_free_places(self, model: str) -> int:
        """Return how many more segments the queue of that handle takes before QueueFullError."""
        ...

    def is_alive(self) -> bool:
        """Return whether every engine's thread runs and finished a step recently."""
        ...

    def is_ready(self) -> bool:
        """Return whether every model that is not lazy can answer."""
        ...
