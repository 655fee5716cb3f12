"""KV cache in the layout of our own kernels, (layers, rows, blocks, heads, 2, 16 * d_head)."""

import ctypes
import math
from array import array
from collections.abc import Sequence

import torch
from torch import Tensor

from model.config import TransformerConfig
from model.engine.runner import Moves, RowCopy
from model.kernels import structures
from model.kernels.library import Library
from model.kernels.linear import LANES, padded

_PAGE_BYTES = 4096


class KernelCache:
    """One table for all layers, with a place of maximal length for each row.

    All of it is allocated at once, but the operating system maps a page only when it is first
    written, so the memory in use follows the stored tokens. Rows map to places by a list: moving a
    row copies nothing.

    Attributes:
        table: Keys and values, in the shape above.
        token_ids: (rows, capacity) int32, the token at each position of each place.
        holders: (rows, blocks) int32, the place that stores each block of 16 tokens.
        places: The place of each row. The kernels change it when hypotheses branch.
        struct: The cache as the kernels read it.
    """

    def __init__(
        self,
        config: TransformerConfig,
        library: Library,
        *,
        num_rows: int,
        max_tokens: int,
        dtype: torch.dtype,
    ) -> None:
        heads = config.heads(config.decoder)
        capacity = padded(max_tokens)
        shape = (
            *(config.decoder.num_layers, num_rows, capacity // LANES, heads.num_kv),
            *(2, LANES * padded(heads.size)),
        )
        self.table = _page_aligned(shape, dtype)
        # The token at each position: a copy skips tokens that both rows have in common.
        self.token_ids = torch.zeros((num_rows, capacity), dtype=torch.int32)
        # The place that stores each block of 16 tokens: hypotheses share common blocks.
        self.holders = torch.zeros((num_rows, capacity // LANES), dtype=torch.int32)
        self._library = library
        self.places = array("i", range(num_rows))
        self.struct = structures.Cache(
            data=self.table.data_ptr(),
            token_ids=self.token_ids.data_ptr(),
            holders=self.holders.data_ptr(),
            is_bfloat=dtype == torch.bfloat16,
            num_layers=config.decoder.num_layers,
            num_rows=num_rows,
            num_heads=heads.num_kv,
            capacity=capacity,
            d_head=heads.size,
        )

    def move(self, moves: Moves) -> None:
        """Exchange the rows of each pair."""
        for old, new in moves:
            self.places[old], self.places[new] = self.places[new], self.places[old]

    def copy(self, copies: Sequence[RowCopy]) -> None:
        """Copy the first tokens of rows to others; no row is both source and target.

        Both rows of a copy belong to one request and are of one length. Tokens that they have in
        common are not copied.
        """
        sources, targets, lengths = zip(*copies, strict=True)
        self._library.copy(
            ctypes.byref(self.struct),
            len(copies),
            int32s([self.places[row] for row in sources]),
            int32s([self.places[row] for row in targets]),
            int32s(lengths),
        )


def _page_aligned(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Return an empty tensor that begins at a page.

    16 keys and values of a head of 64 dimensions in bfloat16 fill a page exactly.
    """
    memory = torch.empty(math.prod(shape) + _PAGE_BYTES // dtype.itemsize, dtype=dtype)
    first = -memory.data_ptr() % _PAGE_BYTES // dtype.itemsize
    return memory[first : first + math.prod(shape)].view(shape)


def int32s(values: Sequence[int]) -> "ctypes.Array[ctypes.c_int32]":
    """Return a C array for the kernels."""
    return (ctypes.c_int32 * len(values))(*values)
