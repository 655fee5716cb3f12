"""Keys and values that attention reads: of earlier target positions, and of the source."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

KeysValues = tuple[Tensor, Tensor]  # each (batch, heads, keys, d_head)


class KVStore(Protocol):
    """KV cache of one decoder layer: keys and values of the target positions so far."""

    def num_keys(self, num_queries: int) -> int:
        """Return the number of positions that `append` returns for `num_queries` new ones."""
        ...

    def append(self, key: Tensor, value: Tensor) -> KeysValues:
        """Store keys and values of new positions; return those of all positions so far.

        Args:
            key: (batch, heads, queries, d_head).
            value: (batch, heads, queries, d_head).
        """
        ...


@dataclass(frozen=True, slots=True)
class BeamRows:
    """The rows of a batch that read the same source: the beams of one request.

        rows 0, 1 and 4 read source 0, rows 2 and 3 source 1
        rows    [[0, 1, 4], [2, 3, 3]]
        places  [0, 1, 3, 4, 2]

    rows: (sources, beams) int64, the rows of each source; a shorter list repeats its last row.
    places: (batch,) int64, the place of each row in the flattened `rows`.
    """

    rows: Tensor
    places: Tensor


@dataclass(frozen=True, slots=True)
class Memory:
    """The encoded source, as cross-attention reads it.

    keys_values: one pair for each decoder layer; their batch dimension is the sources.
    bias: (sources, 1, 1, keys), masks padding; None when there is none.
    beams: the rows that share a source; None when row i reads source i.
    """

    keys_values: Sequence[KeysValues]
    bias: Tensor | None = None
    beams: BeamRows | None = None
