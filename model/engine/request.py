"""One user input on its way through the engine."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from model.engine.params import FinishReason, GenerationParams, Priority
from model.engine.search.search import Hypothesis, Search
from model.tokenizer.prompt import Prompt


class RequestStatus(StrEnum):
    """Where a request is."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"


@dataclass(slots=True, kw_only=True, eq=False)
class Request:
    """What was asked, and how far it has come.

    Attributes:
        deadline_s: On the engine's clock; None waits for ever.
        rows: The decoder row of each live hypothesis of `search`, in the same order.
        slot: The row of the cross-attention memory; None until it is admitted.
        admitted_s: When it left the queue, on the engine's clock.
        first_token_s: When its first token was chosen.
        num_computed: Target tokens whose keys and values are cached, the same for all rows. While
            it is behind the end of the sequences, the next token is known and no logits are needed.
        failed_alone_at: How long its sequences were when it last ran out of memory with no other
            request beside it.
        kept: What the runner keeps of it from one step to the next.
        width: How many rows it begins with; kept, as every step asks.
        do_sample: Whether its tokens are drawn; kept for the same reason.
    """

    request_id: str
    prompt: Prompt
    params: GenerationParams
    search: Search
    priority: Priority = Priority.INTERACTIVE
    deadline_s: float | None = None
    arrival_s: float = 0.0
    admitted_s: float | None = None
    first_token_s: float | None = None
    status: RequestStatus = RequestStatus.WAITING
    rows: list[int] = field(default_factory=list)
    slot: int | None = None
    num_computed: int = 0
    failed_alone_at: int | None = None
    kept: object = None
    width: int = field(init=False)
    do_sample: bool = field(init=False)

    def __post_init__(self) -> None:
        self.width, self.do_sample = self.params.num_rows, self.params.do_sample

    @property
    def length(self) -> int:
        """Target tokens so far, the decoder's prefix included."""
        return len(self.search.sequences[0])

    @property
    def has_begun(self) -> bool:
        """Whether it has a token that was chosen: none of its prefix, and no forced first one."""
        frame = self.search.frame
        is_forced = frame.forced_bos_id is not None and len(frame.prefix_ids) == 1
        return len(self.search.sequences[0]) > len(frame.prefix_ids) + is_forced

    @property
    def num_live(self) -> int:
        """Hypotheses that still grow, each in a row of its own."""
        return len(self.search.sequences)

    @property
    def num_source_tokens(self) -> int:
        return len(self.prompt.encoder_ids)

    @property
    def wants_logits(self) -> bool:
        """True when this step's logits decide the next token."""
        return self.num_computed + 1 == len(self.search.sequences[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Where a request's time went, in seconds; None for what it never reached."""

    queue_s: float
    inference_s: float
    time_to_first_token_s: float | None

    @classmethod
    def of(cls, request: Request, now_s: float) -> "Timing":
        """The timing of a request that ends now."""
        admitted_s = now_s if request.admitted_s is None else request.admitted_s
        first_s = request.first_token_s
        return cls(
            queue_s=admitted_s - request.arrival_s,
            inference_s=now_s - admitted_s,
            time_to_first_token_s=None if first_s is None else first_s - request.arrival_s,
        )


class RequestOutput(NamedTuple):
    """What one step brought one request, which may get two of it.

    `new_token_ids` are final (greedy and single samples; beams can still change their mind, so they
    come with the end). `hypotheses`, best first, `finish_reason` and `timing` are set in the last
    output; one that ends with DEADLINE, ERROR or OUT_OF_MEMORY has no hypotheses.
    """

    request_id: str
    new_token_ids: tuple[int, ...] = ()
    finish_reason: FinishReason | None = None
    hypotheses: tuple[Hypothesis, ...] = ()
    timing: Timing | None = None
