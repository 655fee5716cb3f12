"""One request's state in the engine, and the outputs that it gets."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from model.engine.params import FinishReason, GenerationParams, Priority
from model.engine.search.search import Hypothesis, Search
from model.tokenizer.prompt import Prompt


class RequestStatus(StrEnum):
    """A request's place: in the queue, in the batch, or in neither."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"


@dataclass(slots=True, kw_only=True, eq=False)
class Request:
    """One source to decode: its parameters, its search, and its rows in the caches.

    Attributes:
        group: Names the requests that one client sent together, which share their turns; empty: it
            is the only one.
        deadline_s: Absolute, on the engine's clock; None: no deadline.
        rows: The self-attention cache row of each live hypothesis of `search`, in the same order.
        slot: The row of the cross-attention cache; None unless the request is running.
        source_blocks: The cache blocks of its source, one for each 16 tokens.
        blocks: For each 16 target tokens, a cache block for each row. Those that rows have reached
            may be shared by other rows of the request.
        admitted_s: When the request was first taken from the queue, on the engine's clock.
        first_token_s: When its first token was chosen.
        num_computed: Target tokens whose keys and values are cached, the same for all rows. While
            it is behind the end of the sequences, the next token is known and no logits are needed.
        failed_alone_at: Length of its sequences when it last ran out of memory as the only running
            request.
        runner_state: Data that the runner keeps with the request between steps.
        width: `params.num_rows`, copied as every step reads it.
        do_sample: `params.do_sample`, copied for the same reason.
    """

    request_id: str
    prompt: Prompt
    params: GenerationParams
    search: Search
    group: str = ""
    priority: Priority = Priority.INTERACTIVE
    deadline_s: float | None = None
    arrival_s: float = 0.0
    admitted_s: float | None = None
    first_token_s: float | None = None
    status: RequestStatus = RequestStatus.WAITING
    rows: list[int] = field(default_factory=list)
    slot: int | None = None
    source_blocks: list[int] = field(default_factory=list)
    blocks: list[list[int]] = field(default_factory=list)
    num_computed: int = 0
    failed_alone_at: int | None = None
    runner_state: object = None
    width: int = field(init=False)
    do_sample: bool = field(init=False)

    def __post_init__(self) -> None:
        self.width, self.do_sample = self.params.num_rows, self.params.do_sample
        self.group = self.group or self.request_id

    @property
    def running_slot(self) -> int:
        """The slot of a running request.

        Raises:
            RuntimeError: It has none, so a runner would read another request's source.
        """
        if self.slot is None:
            raise RuntimeError(f"request {self.request_id!r} is computed without a slot")
        return self.slot

    @property
    def length(self) -> int:
        """Target tokens so far, the decoder prefix included."""
        return len(self.search.sequences[0])

    @property
    def has_chosen_token(self) -> bool:
        """True if a sequence has a token beyond its prefix and its forced first token."""
        config = self.search.config
        is_forced = config.forced_bos_id is not None and len(config.prefix_ids) == 1
        return len(self.search.sequences[0]) > len(config.prefix_ids) + is_forced

    @property
    def num_live(self) -> int:
        """Unfinished hypotheses; each has a row of its own."""
        return len(self.search.sequences)

    @property
    def num_source_tokens(self) -> int:
        return len(self.prompt.encoder_ids)

    @property
    def max_cached(self) -> int:
        """Target tokens of each row that are cached at most: the last one is never read."""
        config = self.search.config
        return len(config.prefix_ids) + config.max_new_tokens - 1

    @property
    def wants_logits(self) -> bool:
        """True if this step's logits decide the next token."""
        return self.num_computed + 1 == len(self.search.sequences[0])

    def is_late(self, now_s: float) -> bool:
        """Return whether its deadline has come."""
        return self.deadline_s is not None and self.deadline_s <= now_s

    def note_token(self, now_s: float) -> None:
        """Remember when its first token was chosen."""
        if self.first_token_s is None:
            self.first_token_s = now_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Durations of a finished request in seconds.

    Attributes:
        queue_s: From arrival to the first admission; to the end, if it was never admitted.
        inference_s: From the first admission to the end.
        time_to_first_token_s: From arrival; None if no token was chosen.
    """

    queue_s: float
    inference_s: float
    time_to_first_token_s: float | None

    @classmethod
    def of(cls, request: Request, now_s: float) -> "Timing":
        """Return the timing of a request that ends now."""
        admitted_s = now_s if request.admitted_s is None else request.admitted_s
        first_s = request.first_token_s
        return cls(
            queue_s=admitted_s - request.arrival_s,
            inference_s=now_s - admitted_s,
            time_to_first_token_s=None if first_s is None else first_s - request.arrival_s,
        )


class RequestOutput(NamedTuple):
    """Tokens that a request gained in one step; a step may emit two of these for a request.

    `new_token_ids` are final. They are empty for beam search, whose best beam may still change, and
    for several samples; those outputs come with the end. `hypotheses` (best first),
    `finish_reason` and `timing` are set in the last output; one that ends with DEADLINE, ERROR or
    OUT_OF_MEMORY has no hypotheses.
    """

    request_id: str
    new_token_ids: tuple[int, ...] = ()
    finish_reason: FinishReason | None = None
    hypotheses: tuple[Hypothesis, ...] = ()
    timing: Timing | None = None
