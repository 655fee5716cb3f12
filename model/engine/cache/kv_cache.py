"""KV cache: keys and values of each hypothesis, and of each request's source.

Rows are dense and as long as the longest sequence so far; a step reads a slice. A table doubles
when a sequence exceeds it, so nothing is allocated in the steady state, and short sequences lie
close together, which a CPU reads faster.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from model.config import TransformerConfig
from model.engine.runner import Moves
from model.engine.transfer import to_device
from model.heap import unwritten
from model.transformer.memory import KeysValues

FIRST_CAPACITY = 64  # tokens per row of a new table


class Tables:
    """Keys and values of every layer: (rows, heads, tokens, d_head) each.

    The tokens of one head of one row are contiguous.

    Attributes:
        capacity: Tokens per row.
        layers: Keys and values of each layer.
        starts: (rows, heads), the index of the first token in a table flattened to tokens.
    """

    def __init__(
        self,
        config: TransformerConfig,
        *,
        num_rows: int,
        max_tokens: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        heads = config.heads(config.decoder)
        self._shape = (num_rows, heads.num_kv, heads.size)
        self._dtype, self._device = dtype, device
        self.max_tokens = max_tokens
        self._num_layers = config.decoder.num_layers
        self.clear()

    def clear(self) -> None:
        """Replace the tables by small ones without tokens."""
        self.capacity = 0  # tokens
        layers = range(self._num_layers)
        self.layers: list[KeysValues] = [(self._empty(0), self._empty(0)) for _ in layers]
        self.starts = torch.empty(0, dtype=torch.int64)
        self.reserve(min(FIRST_CAPACITY, self.max_tokens))

    def reserve(self, num_tokens: int) -> None:
        """Make room for sequences of `num_tokens`; stored tokens are kept."""
        if num_tokens <= self.capacity:
            return
        capacity = min(max(num_tokens, 2 * self.capacity), self.max_tokens)
        layers = [
            (self._grown(keys, capacity), self._grown(values, capacity))
            for keys, values in self.layers
        ]
        num_rows, num_heads, _ = self._shape
        first = torch.arange(num_rows * num_heads, device=self._device) * capacity
        # Assigned last: an out-of-memory error above must leave all of them unchanged.
        self.capacity, self.layers = capacity, layers
        self.starts = first.view(num_rows, num_heads)

    def copy(self, copies: Moves, *, num_tokens: int) -> None:
        """Copy the first `num_tokens` tokens of rows to others."""
        if not copies:
            return
        sources, targets = to_device(copies, self._device).unbind(1)
        for layer in self.layers:
            for table in layer:
                used = table[:, :, :num_tokens]
                used.index_copy_(0, targets, used.index_select(0, sources))

    def scrub(self) -> None:
        """Replace non-finite numbers by 0; even masked ones would spread, as NaN * 0 is NaN."""
        for layer in self.layers:
            for table in layer:
                if self._device.type == "cuda":  # in place: a second table may not fit
                    table.nan_to_num_(0.0, 0.0, 0.0)
                    continue
                is_dirty = ~table.flatten(1).isfinite().all(dim=1)
                table[is_dirty] = table[is_dirty].nan_to_num(0.0, 0.0, 0.0)

    def _grown(self, table: Tensor, num_tokens: int) -> Tensor:
        larger = self._empty(num_tokens)
        if self._device.type == "cpu":  # a row of zeros takes no memory until it is written
            (rows,) = table.flatten(1).any(dim=1).nonzero(as_tuple=True)
            larger[rows, :, : table.shape[2]] = table[rows]
        else:
            larger[:, :, : table.shape[2]] = table
        return larger

    def _empty(self, num_tokens: int) -> Tensor:
        # Zeros: a masked key still enters a product, and NaN * 0 is NaN.
        num_rows, num_heads, d_head = self._shape
        shape = (num_rows, num_heads, num_tokens, d_head)
        if self._device.type == "cpu":
            return unwritten(shape, self._dtype)
        return torch.zeros(shape, dtype=self._dtype, device=self._device)


class KVCache:
    """Tables of one engine: `own` has a row per hypothesis, `source` a row per request."""

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
        self.dtype = dtype
        self.own = Tables(
            config, num_rows=num_rows, max_tokens=max_target_tokens, dtype=dtype, device=device
        )
        self.source = Tables(
            config, num_rows=num_rows, max_tokens=max_source_tokens, dtype=dtype, device=device
        )

    def reserve_all(self) -> None:
        """Make room for sequences of maximal length; after this no table is reallocated."""
        self.own.reserve(self.own.max_tokens)
        self.source.reserve(self.source.max_tokens)

    def clear(self) -> None:
        """Replace all tables by small ones without tokens."""
        self.own.clear()
        self.source.clear()

    @staticmethod
    def bytes_per_token(config: TransformerConfig, dtype: torch.dtype) -> int:
        """Return the bytes of one token's keys and values in all decoder layers."""
        return config.decoder.num_layers * 2 * config.heads(config.decoder).d_kv * dtype.itemsize

    def write_memories(self, slots: Tensor, keys_values: Sequence[KeysValues]) -> None:
        """Store keys and values of newly encoded sources.

        Args:
            slots: (batch,) int64.
            keys_values: Of each layer.
        """
        num_keys = keys_values[0][0].shape[2]
        self.source.reserve(num_keys)
        for tables, parts in zip(self.source.layers, keys_values, strict=True):
            for table, part in zip(tables, parts, strict=True):
                table[:, :, :num_keys].index_copy_(0, slots, part.to(self.dtype))

    def memories(self, *, num_slots: int, num_keys: int) -> list[KeysValues]:
        """Return views of the first `num_slots` sources, for each layer."""
        return [
            (keys[:num_slots, :, :num_keys], values[:num_slots, :, :num_keys])
            for keys, values in self.source.layers
        ]

    def step_stores(self, positions: Tensor, *, num_keys: int) -> list["StepStore"]:
        """Return each layer's cache for the self-attention of one step.

        Args:
            positions: (rows,) int64, of each row's new token.
            num_keys: Tokens of the longest row, the new one included.
        """
        self.own.reserve(num_keys)
        write_index = (self.own.starts[: len(positions)] + positions[:, None]).flatten()
        return [
            StepStore(tables, write_index, num_rows=len(positions), num_keys=num_keys)
            for tables in self.own.layers
        ]


class StepStore:
    """One layer's tables in one decoding step; a `KVStore`."""

    __slots__ = ("_num_keys", "_num_rows", "_tables", "_write_index")

    def __init__(
        self, tables: KeysValues, write_index: Tensor, *, num_rows: int, num_keys: int
    ) -> None:
        self._tables = tables
        self._write_index = write_index
        self._num_rows = num_rows
        self._num_keys = num_keys

    def num_keys(self, num_queries: int) -> int:  # noqa: ARG002 - one per row
        return self._num_keys

    def append(self, key: Tensor, value: Tensor) -> KeysValues:
        """Store each row's new token and return all; key, value: (rows, heads, 1, d_head)."""
        keys, values = (
            self._write(table, new) for table, new in zip(self._tables, (key, value), strict=True)
        )
        return keys, values

    def _write(self, table: Tensor, new: Tensor) -> Tensor:
        flat = table.view(-1, table.shape[-1])
        flat.index_copy_(0, self._write_index, new.reshape(-1, table.shape[-1]).to(table.dtype))
        return table[: self._num_rows, :, : self._num_keys]
