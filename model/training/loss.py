"""The training loss: cross-entropy with label smoothing."""

from typing import Any

import torch
from torch import Tensor

_CHUNK_ROWS = 256  # float32 logits of so many rows stay in the processor's cache


class _SmoothedCrossEntropy(torch.autograd.Function):
    """Loss and its gradient in one pass over bf16 logits, computed in float32.

    PyTorch's own keeps float32 copies of all logits and reads them several times; with a
    vocabulary of thousands that took a fifth of a step on a CPU.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
        total = torch.zeros((), device=logits.device)
        gradient = torch.empty_like(logits)
        peak = 1.0 - smoothing
        rest = smoothing / logits.shape[-1]
        for rows, wanted, out in zip(
            *(x.split(_CHUNK_ROWS) for x in (logits, labels, gradient)), strict=True
        ):
            log_p = rows.float().log_softmax(dim=-1)
            wanted = wanted[:, None]  # noqa: PLW2901 - the same labels, as a column
            total -= peak * log_p.gather(1, wanted).sum() + rest * log_p.sum()
            slope = log_p.exp_().sub_(rest)
            slope.scatter_add_(1, wanted, torch.full_like(slope[:, :1], -peak))
            out.copy_(slope)
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * upstream[0].to(gradient.dtype), None, None


def smoothed_cross_entropy(logits: Tensor, labels: Tensor, *, smoothing: float) -> Tensor:
    """Return the cross-entropy against smoothed labels, summed over positions.

    Args:
        logits: (positions, vocab), float32 or bfloat16.
        labels: (positions,) int64.
        smoothing: The probability that the labels spread evenly over the whole vocabulary.

    Returns:
        A float32 scalar.
    """
    total: Tensor = _SmoothedCrossEntropy.apply(logits, labels, smoothing)  # type: ignore[no-untyped-call]
    return total
