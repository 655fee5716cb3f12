"""Settings of the C library's heap while weights are loaded."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

# Parameters of glibc's mallopt(3), and the range in which glibc adapts the mmap threshold.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LEAST_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD = 128 << 10, 32 << 20


@contextmanager
def large_blocks_apart() -> Iterator[None]:
    """Return large blocks to the system as soon as they are freed; a no-op without glibc.

    By default glibc takes blocks of up to 32 MB from one heap, once some have been freed. The
    source of a packed layer then leaves a hole that the next layer, being aligned, does not quite
    fit into: a network's memory grew to one and a half times its size. Afterwards the heap is used
    as before, which is faster for the short-lived tensors of each step.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        yield
        return
    mallopt(_MMAP_THRESHOLD, _LEAST_MMAP_THRESHOLD)
    try:
        yield
    finally:
        mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        mallopt(_TRIM_THRESHOLD, 2 * _LARGEST_MMAP_THRESHOLD)
