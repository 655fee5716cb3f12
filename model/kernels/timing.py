"""Time products of this machine by the kernels, to choose the type of a network's weights."""

import time
from functools import cache

import torch

from model.kernels.library import library
from model.kernels.linear import KernelLinear, packed

_ROWS = (1, 8)  # single requests, and a small batch
_MOST_NUMBERS = 1 << 23  # of the timed matrix: more than caches hold, packed in milliseconds
_TRIALS = 7


def product_seconds(dtype: torch.dtype, *, num_outputs: int, width: int) -> float:
    """Return the time of products of 1 and of 8 rows with a matrix, with all threads; cached.

    Args:
        dtype: The type of the weights: float32, bfloat16 or int8.
        num_outputs: Rows of the matrix; fewer are timed where it is large.
        width: Its columns.
    """
    loaded = library()
    assert loaded is not None  # noqa: S101 - the caller's network fits the kernels
    num_outputs = max(1, min(num_outputs, _MOST_NUMBERS // width))
    return _seconds(loaded.level.name, dtype, num_outputs, width)


@cache
def _seconds(level: str, dtype: torch.dtype, num_outputs: int, width: int) -> float:  # noqa: ARG001 - a part of the key
    layer = KernelLinear(packed(torch.ones(num_outputs, width), dtype), None)
    return sum(_least_seconds(layer, torch.ones(num_rows, width)) for num_rows in _ROWS)


def _least_seconds(layer: KernelLinear, x: torch.Tensor) -> float:
    times = []
    for _ in range(_TRIALS):
        begin_s = time.perf_counter()
        layer(x)
        times.append(time.perf_counter() - begin_s)
    return min(times)
