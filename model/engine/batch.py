"""The work of one engine step: decided by the scheduler, carried out by the runner."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from model.engine.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One step: move cache rows, then encode, then decode.

    Attributes:
        row_moves: Rows of the self-attention cache to move first, (from, to).
        slot_moves: Rows of the cross-attention cache to move first, (from, to).
        encode: Requests admitted in this step, to be encoded into their slots.
        decode: All running requests, those of `encode` included.
        max_steps: Steps for which all rows have room in the cache, at most those of a run.
        num_rows: Hypotheses that advance by one token.
    """

    row_moves: Sequence[tuple[int, int]] = ()
    slot_moves: Sequence[tuple[int, int]] = ()
    encode: Sequence[Request] = ()
    decode: Sequence[Request] = ()
    max_steps: int = 1
    num_rows: int = field(init=False)

    def __post_init__(self) -> None:
        num_rows = sum([len(request.rows) for request in self.decode])
        object.__setattr__(self, "num_rows", num_rows)

    @property
    def wants_logits(self) -> bool:
        """True if the next token of any request depends on this step's logits."""
        return any(request.wants_logits for request in self.decode)
