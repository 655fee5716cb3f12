"""KV cache of our own kernels: blocks of 16 tokens, and a table of blocks for each row."""

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


def bytes_per_token(config: TransformerConfig, dtype: torch.dtype) -> int:
    """Return the bytes of one token's keys and values in all decoder layers, padding included."""
    heads = config.heads(config.decoder)
    return config.decoder.num_layers * 2 * heads.num_kv * padded(heads.size) * dtype.itemsize


def kernel_blocks(config: TransformerConfig, *, num_blocks: int, dtype: torch.dtype) -> Tensor:
    """Return memory of keys and values, (layers, blocks, heads, 2, 16 * d_head padded to 16).

    All of it is allocated at once, but the operating system maps a page only when it is first
    written, so the memory in use follows the blocks that were given out.
    """
    heads = config.heads(config.decoder)
    shape = (config.decoder.num_layers, num_blocks, heads.num_kv, 2, LANES * padded(heads.size))
    return _page_aligned(shape, dtype)


class KernelCache:
    """Sequences in blocks of memory that they may share with another cache, with a place for each.

    Rows map to places by a list: moving a row copies nothing.

    Attributes:
        memory: Keys and values, from `kernel_blocks`.
        token_ids: (rows, capacity) int32, the token at each position of each place.
        blocks: (rows, capacity / 16) int32, flat, the block that stores each 16 tokens of a place.
            The kernels change it when hypotheses branch.
        places: The place of each row. The kernels change it, too.
        struct: The cache as the kernels read it.
    """

    def __init__(
        self,
        config: TransformerConfig,
        library: Library,
        *,
        memory: Tensor,
        num_rows: int,
        max_tokens: int,
    ) -> None:
        heads = config.heads(config.decoder)
        capacity = padded(max_tokens)
        self.memory = memory
        # The token at each position: a copy skips tokens that both rows have in common.
        self.token_ids = torch.zeros((num_rows, capacity), dtype=torch.int32)
        self._row_blocks = capacity // LANES
        self.blocks = array("i", bytes(4 * num_rows * self._row_blocks))
        self._library = library
        self.places = array("i", range(num_rows))
        self.struct = structures.Cache(
            data=memory.data_ptr(),
            token_ids=self.token_ids.data_ptr(),
            blocks=self.blocks.buffer_info()[0],
            is_bfloat=memory.dtype == torch.bfloat16,
            num_layers=config.decoder.num_layers,
            num_blocks=memory.shape[1],
            num_heads=heads.num_kv,
            capacity=capacity,
            d_head=heads.size,
        )

    def give(self, row: int, blocks: Sequence[int], *, first: int = 0) -> None:
        """Store the tokens of a row, from block `first` of it on, in these blocks."""
        begin = self.places[row] * self._row_blocks + first
        self.blocks[begin : begin + len(blocks)] = array("i", blocks)

    def blocks_of(self, row: int) -> list[int]:
        """Return the block of each 16 tokens of a row, also of tokens that it does not have yet."""
        begin = self.places[row] * self._row_blocks
        return list(self.blocks[begin : begin + self._row_blocks])

    def move(self, moves: Moves) -> None:
        """Exchange the rows of each pair."""
        for old, new in moves:
            self.places[old], self.places[new] = self.places[new], self.places[old]

    def copy(self, copies: Sequence[RowCopy]) -> None:
        """Copy the first tokens of rows to others; no row is both source and target.

        Both rows of a copy belong to one request and are of one length. Tokens that they have in
        common are not copied, and full blocks are shared.
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
