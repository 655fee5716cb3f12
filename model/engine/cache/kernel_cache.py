"""The keys and values that the kernels read, (layers, rows, blocks, heads, 2, 16 * d_head)."""

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
    """One table for all layers, a place for each row, as long as the longest sequence may be.

    It is all asked for at once, but the operating system gives a page only when it is first written
    to, so memory follows the tokens that are stored, not the limit. A row's place can be anywhere:
    to renumber rows moves nothing.
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
            *(config.decoder.num_layers, num_rows, capacity // LANES, heads.num),
            *(2, LANES * padded(heads.size)),
        )
        self._table = _page_aligned(shape, dtype)
        # Which token each is: rows that share their first tokens need not copy them.
        self._token_ids = torch.zeros((num_rows, capacity), dtype=torch.int32)
        # Which place has each block of 16 of its tokens: hypotheses share what they have in common.
        self._holders = torch.zeros((num_rows, capacity // LANES), dtype=torch.int32)
        self._library = library
        # Where each row lies. The kernels read it, and change it where hypotheses branch.
        self.places = array("i", range(num_rows))
        self.struct = structures.Cache(
            data=self._table.data_ptr(),
            token_ids=self._token_ids.data_ptr(),
            holders=self._holders.data_ptr(),
            is_bfloat=dtype == torch.bfloat16,
            num_layers=config.decoder.num_layers,
            num_rows=num_rows,
            num_heads=heads.num,
            capacity=capacity,
            d_head=heads.size,
        )

    def move(self, moves: Moves) -> None:
        """Renumbers rows: who was `old` is `new`, and the other way round."""
        for old, new in moves:
            self.places[old], self.places[new] = self.places[new], self.places[old]

    def copy(self, copies: Sequence[RowCopy]) -> None:
        """Makes the first tokens of rows those of others; no row is both.

        Rows of a copy belong to one request, and have as many tokens; what these have in common
        stays as it is, so a copy costs what came after two hypotheses parted.
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
    """An empty tensor; 16 keys and values of a head of 64 dimensions in bfloat16 are a page."""
    memory = torch.empty(math.prod(shape) + _PAGE_BYTES // dtype.itemsize, dtype=dtype)
    first = -memory.data_ptr() % _PAGE_BYTES // dtype.itemsize
    return memory[first : first + math.prod(shape)].view(shape)


def int32s(values: Sequence[int]) -> "ctypes.Array[ctypes.c_int32]":
    """An array for the kernels."""
    return (ctypes.c_int32 * len(values))(*values)
