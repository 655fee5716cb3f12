"""The keys and values that decoding keeps: per hypothesis of its own tokens, per request of its source.

Every table is allocated once. Rows are dense and padded to the longest sequence allowed; a step reads
the slice it needs. On a CPU, memory that no sequence ever reached is never touched, so it costs nothing.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from model.config import TransformerConfig


Copies = Sequence[tuple[int, int]]  # (from row, to row); no row is both


class KVCache:
    """Tables of keys and values, one pair per decoder layer.

    Shapes: `self_kv[layer]` (rows, max_target, 2 * d_model), `cross_kv[layer]` (slots, max_source,
    2 * d_model): the keys, then the values, of each token.
    """

    def __init__(
        self,
        config: TransformerConfig,
        *,
        num_rows: int,
        max_source_tokens: int,
        max_target_tokens: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        def table(num_tokens: int) -> Tensor:
            # Zeros, not garbage: a hidden key still enters a product, and NaN * 0 is NaN.
            shape = (num_rows, num_tokens, 2 * config.d_model)
            return torch.zeros(shape, dtype=dtype, device=device)

        layers = range(config.decoder.num_layers)
        self.dtype = dtype
        self.max_target_tokens = max_target_tokens
        self.self_kv = [table(max_target_tokens) for _ in layers]
        self.cross_kv = [table(max_source_tokens) for _ in layers]

    @staticmethod
    def bytes_per_token(config: TransformerConfig, dtype: torch.dtype) -> int:
        """Bytes of one token's keys and values in all decoder layers."""
        return config.decoder.num_layers * 2 * config.d_model * dtype.itemsize

    def write_memories(self, slots: Tensor, memory_kv: Sequence[Tensor]) -> None:
        """Stores the source of newly encoded requests.

        Args:
            slots: (batch,) int64.
            memory_kv: for each layer (batch, keys, 2 * d_model).
        """
        for table, keys_values in zip(self.cross_kv, memory_kv, strict=True):
            table[:, : keys_values.shape[1]].index_copy_(0, slots, keys_values.to(self.dtype))

    def memories(self, *, num_slots: int, num_keys: int) -> list[Tensor]:
        """Views of the first memories, (num_slots, num_keys, 2 * d_model) for each layer."""
        return [table[:num_slots, :num_keys] for table in self.cross_kv]

    def step_stores(self, write_index: Tensor, *, num_rows: int, num_keys: int) -> list["StepStore"]:
        """What the self-attention of one step writes to and reads from, for each layer.

        Args:
            write_index: (num_rows,) int64, row * max_target_tokens + position of the new token.
            num_rows: rows in use.
            num_keys: the longest of their sequences, the new token included.
        """
        return [StepStore(t, write_index, num_rows=num_rows, num_keys=num_keys) for t in self.self_kv]

    def copy_rows(self, copies: Copies, *, num_keys: int) -> None:
        """Copies the first `num_keys` tokens of rows to others."""
        _copy(self.self_kv, copies, num_keys)

    def copy_memories(self, copies: Copies, *, num_keys: int) -> None:
        """As `copy_rows`, for cross-attention memories."""
        _copy(self.cross_kv, copies, num_keys)


class StepStore:
    """One layer's self-attention table, as one decoding step sees it (a `KVStore`)."""

    __slots__ = ("_flat", "_view", "_write_index")

    def __init__(self, table: Tensor, write_index: Tensor, *, num_rows: int, num_keys: int) -> None:
        self._flat = table.view(-1, table.shape[-1])
        self._view = table[:num_rows, :num_keys]
        self._write_index = write_index

    def append(self, keys_values: Tensor) -> Tensor:
        """keys_values: (num_rows, 1, 2 * d_model); returns (num_rows, num_keys, 2 * d_model)."""
        self._flat.index_copy_(0, self._write_index, keys_values[:, 0].to(self._flat.dtype))
        return self._view


def _copy(tables: Sequence[Tensor], copies: Copies, num_keys: int) -> None:
    if not copies:
        return
    device = tables[0].device
    sources, targets = torch.tensor(copies, device=device).unbind(1)
    for table in tables:
        used = table[:, :num_keys]
        used.index_copy_(0, targets, used.index_select(0, sources))
