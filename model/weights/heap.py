"""How the C library hands out memory while weights are loaded."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

# Parameters of glibc's mallopt(3), and the least and the most that its own rule sets one to.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LEAST_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD = 128 << 10, 32 << 20


@contextmanager
def large_blocks_apart() -> Iterator[None]:
    """Within, a large block that is freed goes back to the system at once; a no-op without glibc.

    By itself glibc takes blocks of up to 32 MB from one heap, as soon as some have been freed. What
    a layer was made from leaves a hole there that its successor does not quite fit into, being
    aligned: a network's memory grew to one and a half times its size. Afterwards the heap is used
    as before, which is faster for tensors that come and go at every step.
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
