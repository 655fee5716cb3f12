"""What one engine step will do, decided by the scheduler and carried out by the model runner."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from model.engine.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One step: move, encode, decode.

    Attributes:
        row_moves: Self-attention cache rows to move before anything else, (from, to).
        slot_moves: The same for cross-attention memories.
        encode: Requests admitted in this step, to be encoded into their slots.
        decode: Every running request, the new ones included.
        num_rows: Hypotheses that advance by one token.
    """

    row_moves: Sequence[tuple[int, int]] = ()
    slot_moves: Sequence[tuple[int, int]] = ()
    encode: Sequence[Request] = ()
    decode: Sequence[Request] = ()
    num_rows: int = field(init=False)

    def __post_init__(self) -> None:
        num_rows = sum([len(request.rows) for request in self.decode])
        object.__setattr__(self, "num_rows", num_rows)

    @property
    def wants_logits(self) -> bool:
        """Whether somebody's next token depends on this step."""
        return any(request.wants_logits for request in self.decode)
