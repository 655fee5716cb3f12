"""The keys and values that decoding keeps: per hypothesis of its own tokens, per request of its source.

Every table is allocated once. Rows are dense and padded to the longest sequence allowed; a step reads
the slice it needs. On a CPU, memory that no sequence ever reached is never touched, so it costs nothing.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from model.config import TransformerConfig
from model.transformer.attention import KeysValues

Copies = Sequence[tuple[int, int]]  # (from row, to row); no row is both


class KVCache:
    """Tables of keys and values, one pair per decoder layer.

    Each is (rows, heads, tokens, d_head), so that what one head reads of one row lies together. A row
    of `self_tables` is a hypothesis, a row of `cross_tables` the source of a request.
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
        num_heads = config.decoder.num_heads
        d_head = config.d_model // num_heads

        def table(num_tokens: int) -> Tensor:
            # Zeros, not garbage: a hidden key still enters a product, and NaN * 0 is NaN.
            return torch.zeros((num_rows, num_heads, num_tokens, d_head), dtype=dtype, device=device)

        layers = range(config.decoder.num_layers)
        self.dtype = dtype
        self.self_tables = [(table(max_target_tokens), table(max_target_tokens)) for _ in layers]
        self.cross_tables = [(table(max_source_tokens), table(max_source_tokens)) for _ in layers]
        # Where the first token of each head of each row lies in a flattened self-attention table.
        starts = torch.arange(num_rows * num_heads, device=device) * max_target_tokens
        self._starts = starts.view(num_rows, num_heads)

    @staticmethod
    def bytes_per_token(config: TransformerConfig, dtype: torch.dtype) -> int:
        """Bytes of one token's keys and values in all decoder layers."""
        return config.decoder.num_layers * 2 * config.d_model * dtype.itemsize

    def write_memories(self, slots: Tensor, keys_values: Sequence[KeysValues]) -> None:
        """Stores the source of newly encoded requests.

        Args:
            slots: (batch,) int64.
            keys_values: for each layer.
        """
        for tables, parts in zip(self.cross_tables, keys_values, strict=True):
            for table, part in zip(tables, parts, strict=True):
                table[:, :, : part.shape[2]].index_copy_(0, slots, part.to(self.dtype))

    def memories(self, *, num_slots: int, num_keys: int) -> list[KeysValues]:
        """Views of the first memories for each layer."""
        return [
            (keys[:num_slots, :, :num_keys], values[:num_slots, :, :num_keys])
            for keys, values in self.cross_tables
        ]

    def step_stores(self, positions: Tensor, *, num_keys: int) -> list["StepStore"]:
        """What the self-attention of one step writes to and reads from, for each layer.

        Args:
            positions: (rows,) int64, of each row's new token.
            num_keys: the longest of their sequences, the new token included.
        """
        write_index = (self._starts[: len(positions)] + positions[:, None]).flatten()
        return [
            StepStore(tables, write_index, num_rows=len(positions), num_keys=num_keys)
            for tables in self.self_tables
        ]

    def copy_rows(self, copies: Copies, *, num_keys: int) -> None:
        """Copies the first `num_keys` tokens of rows to others."""
        _copy(self.self_tables, copies, num_keys)

    def copy_memories(self, copies: Copies, *, num_keys: int) -> None:
        """As `copy_rows`, for the sources of requests."""
        _copy(self.cross_tables, copies, num_keys)

    def scrub(self) -> None:
        """Puts 0 in place of what is not finite: even a hidden key would spread it, as NaN * 0 is NaN."""
        for table in (table for pair in self.self_tables + self.cross_tables for table in pair):
            is_dirty = ~table.flatten(1).isfinite().all(dim=1)
            table[is_dirty] = table[is_dirty].nan_to_num(0.0, 0.0, 0.0)


class StepStore:
    """One layer's self-attention tables, as one decoding step sees them (a `KVStore`)."""

    __slots__ = ("_num_keys", "_num_rows", "_tables", "_write_index")

    def __init__(
        self, tables: KeysValues, write_index: Tensor, *, num_rows: int, num_keys: int
    ) -> None:
        self._tables = tables
        self._write_index = write_index
        self._num_rows = num_rows
        self._num_keys = num_keys

    def append(self, key: Tensor, value: Tensor) -> KeysValues:
        """key and value: (rows, heads, 1, d_head), of each row's new token."""
        keys, values = (
            self._write(table, new) for table, new in zip(self._tables, (key, value), strict=True)
        )
        return keys, values

    def _write(self, table: Tensor, new: Tensor) -> Tensor:
        flat = table.view(-1, table.shape[-1])
        flat.index_copy_(0, self._write_index, new.reshape(-1, table.shape[-1]).to(table.dtype))
        return table[: self._num_rows, :, : self._num_keys]


def _copy(tables: Sequence[KeysValues], copies: Copies, num_keys: int) -> None:
    if not copies:
        return
    sources, targets = torch.tensor(copies, device=tables[0][0].device).unbind(1)
    for pair in tables:
        for table in pair:
            used = table[:, :, :num_keys]
            used.index_copy_(0, targets, used.index_select(0, sources))
