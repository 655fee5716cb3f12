"""Memory that a process has and does not use: given back to the operating system.

What a C library or a system lacks for it is left out: then functions do nothing.
"""

import ctypes
import math
import mmap
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

# Parameters of glibc's mallopt(3), and the range in which glibc adapts the mmap threshold.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LEAST_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD = 128 << 10, 32 << 20

# Freeing a block of more than 64 KiB makes glibc look at the end of its arena.
_NOTICED_BYTES = 100 << 10

_LEAST_MAPPED_BYTES = 1 << 20  # of a tensor that gets pages of its own

_LIBC = ctypes.CDLL(None)
_IS_GLIBC = hasattr(_LIBC, "mallopt") and hasattr(_LIBC, "malloc_trim")
if _IS_GLIBC:
    _LIBC.malloc.restype = ctypes.c_void_p
    _LIBC.malloc.argtypes = [ctypes.c_size_t]
    _LIBC.free.argtypes = [ctypes.c_void_p]


@contextmanager
def large_blocks_apart() -> Iterator[None]:
    """Return large blocks to the system as soon as they are freed.

    By default glibc takes blocks of up to 32 MB from one heap, once some have been freed. The
    source of a packed layer then leaves a hole that the next layer, being aligned, does not quite
    fit into: a network's memory grew to one and a half times its size. Afterwards the heap is used
    as before, which is faster for the short-lived tensors of each step.
    """
    if not _IS_GLIBC:
        yield
        return
    _LIBC.mallopt(_MMAP_THRESHOLD, _LEAST_MMAP_THRESHOLD)
    try:
        yield
    finally:
        _LIBC.mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        _keep_free_ends()


def trim() -> None:
    """Return the free pages of all heaps, and the free end of the calling thread's own.

    A thread's arena keeps up to 64 MB at its end for the next large tensor. malloc_trim(3) returns
    the end of the main thread's arena alone, so the threshold is lowered for one `free`.
    """
    if not _IS_GLIBC:
        return
    _LIBC.mallopt(_TRIM_THRESHOLD, _LEAST_MMAP_THRESHOLD)
    _LIBC.free(_LIBC.malloc(_NOTICED_BYTES))
    _keep_free_ends()
    _LIBC.malloc_trim(0)


def unwritten(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Return zeros on the CPU; a page of a large tensor takes memory once it is written.

    `torch.zeros` writes all of it, and the C library may take it from a heap that was written.
    """
    num_bytes = math.prod(shape) * dtype.itemsize
    if num_bytes < _LEAST_MAPPED_BYTES:
        return torch.zeros(tuple(shape), dtype=dtype)
    pages = mmap.mmap(-1, num_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return torch.frombuffer(pages, dtype=dtype).view(*shape)


def discard(part: Tensor) -> None:
    """Return the whole pages of a tensor to the system; its numbers become undefined.

    Args:
        part: Contiguous, in memory that was allocated: no mapped file.
    """
    if sys.platform != "linux":  # elsewhere the advice does not free memory at once
        return
    start = -(-part.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
    num_bytes = (part.data_ptr() + part.nbytes - start) // mmap.PAGESIZE * mmap.PAGESIZE
    if num_bytes > 0:
        advice = mmap.MADV_DONTNEED
        _LIBC.madvise(ctypes.c_void_p(start), ctypes.c_size_t(num_bytes), advice)


def _keep_free_ends() -> None:
    """Have arenas keep up to 64 MB at their ends; glibc adapts to that by itself, but only once."""
    _LIBC.mallopt(_TRIM_THRESHOLD, 2 * _LARGEST_MMAP_THRESHOLD)
