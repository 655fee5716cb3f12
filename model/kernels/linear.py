"""Weights in the kernels' layout, and the linear and embedding modules that use them."""

import ctypes
from ctypes import c_void_p
from threading import local

import torch
from torch import Tensor, nn

from model.kernels import structures
from model.kernels.library import Library, Workspace, library
from model.transformer.int8 import quantize

LANES = 16  # outputs of a block; arrays of one number per output are padded to a multiple
_WORD_BYTES = 4
_ZERO = 128  # the byte of 0 in activations, which are unsigned
_ROW_BYTES = 64  # rows of weights are padded to a multiple
PACKED_AT_ONCE = 1 << 20  # numbers packed at once: more would need a second copy of the table

KINDS = {torch.float32: 0, torch.bfloat16: 1, torch.int8: 2}

_workspaces = local()


def padded(count: int) -> int:
    """Return the next multiple of 16."""
    return -(-count // LANES) * LANES


class Packed:
    """A (out, in) matrix in blocks of 16 outputs, (blocks, words, 16, numbers of a word).

    A word is four bytes: one float32, two bfloat16 or four int8. See `src/linear.h`.
    """

    def __init__(self, weight: Tensor, scales: Tensor | None = None) -> None:
        """Pack a matrix; weight: (out, in) float32, bfloat16 or int8; scales: (out,), for int8."""
        self.num_outputs, self.width = weight.shape
        self.kind = KINDS[weight.dtype]
        self.row_bytes = -(-self.width * weight.itemsize // _ROW_BYTES) * _ROW_BYTES
        per_word, num_words = _WORD_BYTES // weight.itemsize, self.row_bytes // _WORD_BYTES
        num_blocks = padded(self.num_outputs) // LANES
        self.weight = torch.zeros((num_blocks, num_words, LANES, per_word), dtype=weight.dtype)
        self.scales = None if scales is None else _padded_vector(scales.float())
        self.start: Tensor | None = None  # initial values of sums; see `src/linear.h`
        if weight.dtype == torch.int8:
            self.start = torch.zeros(num_blocks * LANES, dtype=torch.int32)
        num_at_once = max(1, PACKED_AT_ONCE // (LANES * num_words * per_word))
        for first in range(0, num_blocks, num_at_once):
            rows = weight[first * LANES : (first + num_at_once) * LANES]
            self._pack(rows, first)

    def _pack(self, rows: Tensor, first_block: int) -> None:
        blocks = self.weight[first_block : first_block + padded(len(rows)) // LANES]
        num_blocks, num_words, _, per_word = blocks.shape
        whole = torch.zeros((num_blocks * LANES, num_words * per_word), dtype=rows.dtype)
        whole[: len(rows), : self.width] = rows
        blocks.copy_(whole.view(num_blocks, LANES, num_words, per_word).transpose(1, 2))
        if self.start is not None:
            first = first_block * LANES
            sums = whole.sum(dim=1, dtype=torch.int32)
            self.start[first : first + len(whole)] = sums * -_ZERO

    def rows(self, ids: Tensor) -> Tensor:
        """Return rows of the matrix, (*shape, in) float32; ids: int64 of any shape."""
        words = self.weight[ids // LANES, :, ids % LANES]
        rows = words.flatten(-2)[..., : self.width].float()
        return rows if self.scales is None else rows * self.scales[ids][..., None]

    def struct(self, bias: Tensor | None) -> structures.Linear:
        """Return the kernels' struct; bias: padded, float32. The tensors must outlive it."""
        return structures.Linear(
            in_=self.width,
            out=self.num_outputs,
            kind=self.kind,
            weights=self.weight.data_ptr(),
            scales=pointer(self.scales),
            start=pointer(self.start),
            bias=pointer(bias),
        )

    @property
    def nbytes(self) -> int:
        """Bytes of all its tensors."""
        parts = (self.weight, self.scales, self.start)
        return sum(part.nbytes for part in parts if part is not None)


def packed(weight: Tensor, dtype: torch.dtype) -> Packed:
    """Return a packed matrix of `dtype`: float32, bfloat16 or int8; weight: (out, in), float."""
    if dtype == torch.int8:
        quantized = quantize(weight)
        return Packed(quantized.weight, quantized.scales)
    return Packed(weight.detach().to(dtype))


class KernelLinear(nn.Module):
    """`nn.Linear` with our own kernel; float32 in and out for every type of weights."""

    def __init__(self, weight: Packed, bias: Tensor | None) -> None:
        super().__init__()
        self.packed = weight
        self.packed_bytes = weight.nbytes
        self.bias = None if bias is None else _padded_vector(bias.detach().float())
        self.struct = weight.struct(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., out) float32; x: (..., in) float32."""
        rows = x.reshape(-1, x.shape[-1]).contiguous()
        width = self.packed.num_outputs
        product = torch.empty((len(rows), padded(width)))
        _library().linear(
            ctypes.byref(self.struct),
            c_void_p(rows.data_ptr()),
            len(rows),
            c_void_p(product.data_ptr()),
            _workspace().address,
        )
        return product[:, :width].reshape(*x.shape[:-1], width)


class KernelOutput(KernelLinear):
    """The output projection, with an int8 copy that proposes the best tokens, if there is one."""

    def __init__(self, weight: Packed, bias: Tensor | None, *, rough: Packed | None) -> None:
        super().__init__(weight, bias)
        self.rough = None if rough is None else rough.struct(self.bias)
        self._rough = rough
        if rough is not None:
            self.packed_bytes += rough.nbytes


class KernelEmbedding(nn.Module):
    """`nn.Embedding` whose table is packed, so that a tied output projection can share it."""

    def __init__(self, weight: Packed) -> None:
        super().__init__()
        self.packed = weight
        self.packed_bytes = weight.nbytes
        self.dtype = torch.float32  # of the vectors

    @property
    def weight(self) -> Tensor:
        """(vocab, width) float32, made anew at every look."""
        return self.packed.rows(torch.arange(self.packed.num_outputs))

    def forward(self, ids: Tensor) -> Tensor:
        """ids: int64 of any shape; returns that shape + (width,)."""
        return self.packed.rows(ids)


def pointer(tensor: Tensor | None) -> int | None:
    """Return the address of a tensor's numbers; None for None."""
    return None if tensor is None else tensor.data_ptr()


def _padded_vector(vector: Tensor) -> Tensor:
    whole = torch.zeros(padded(len(vector)))
    whole[: len(vector)] = vector.detach()
    return whole


def _library() -> Library:
    loaded = library()
    assert loaded is not None  # noqa: S101 - a packed module was made with it
    return loaded


def _workspace() -> Workspace:
    """Return this thread's workspace."""
    loaded = _library()
    owner, found = getattr(_workspaces, "own", (None, None))
    if owner is not loaded or found is None:
        found = loaded.workspace()
        _workspaces.own = loaded, found
    return found
