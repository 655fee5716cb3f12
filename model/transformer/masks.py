"""Biases on attention's scores that mask keys: padding, positions out of a window, the future."""

import torch
from torch import Tensor

MASKED = float("-inf")  # added to a score, it makes the softmax weight exactly 0


def padding_bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the bias that masks padded keys.

    Args:
        mask: (batch, keys) bool, True where there is a token.
        dtype: of the scores that it is added to.

    Returns:
        (batch, 1, 1, keys): 0 for tokens, -inf for padding.
    """
    bias = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
    return bias.masked_fill_(~mask, MASKED)[:, None, None, :]


def reach_bias(distance: Tensor, reach: int, *, dtype: torch.dtype) -> Tensor:
    """Return the bias that masks keys outside a sliding window.

    It is half of the dtype's lowest number, which gives a weight of 0 as -inf does. A padded query
    may have nothing but padding in its window, and a row of -inf alone would be NaN.

    Args:
        distance: (batch or 1, queries, keys) int64, the key's position minus the query's.
        reach: the largest distance in the window, in tokens to either side.
        dtype: of the scores that it is added to.

    Returns:
        (batch or 1, 1, queries, keys).
    """
    bias = torch.zeros(distance.shape, dtype=dtype, device=distance.device)
    # Half: the sum with a score is still a number of this dtype.
    return bias.masked_fill_(distance.abs() > reach, torch.finfo(dtype).min / 2)[:, None]


def causal_bias(length: int, *, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the bias that masks the future, (length, length): query i sees keys 0 to i."""
    bias = torch.full((length, length), MASKED, dtype=dtype, device=device)
    return bias.triu_(diagonal=1)
