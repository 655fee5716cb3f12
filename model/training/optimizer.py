"""Optimizers: Muon for matrices, AdamW for the rest, and one learning-rate schedule."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerSettings:
    """Peak learning rates and their warm-up."""

    matrix_lr: float = 2e-3
    other_lr: float = 2e-3  # embeddings, norms, biases
    weight_decay: float = 0.01
    warmup_steps: int = 200
    max_gradient_norm: float = 1.0


def build_optimizers(network: nn.Module, settings: OptimizerSettings) -> list[Optimizer]:
    """Return one optimizer for the matrices of linear layers, one for everything else.

    Muon makes each matrix's update orthogonal: a network reaches the same loss in far fewer
    steps than with AdamW. Embeddings are tables, not maps, and stay with AdamW.
    """
    matrices = [module.weight for module in network.modules() if isinstance(module, nn.Linear)]
    chosen = {id(p) for p in matrices}
    others = [p for p in network.parameters() if id(p) not in chosen]
    return [
        torch.optim.Muon(
            matrices,
            lr=settings.matrix_lr,
            weight_decay=settings.weight_decay,
            adjust_lr_fn="match_rms_adamw",
        ),
        torch.optim.AdamW(
            others, lr=settings.other_lr, betas=(0.9, 0.98), weight_decay=0.0, fused=True
        ),
    ]


def lr_factor(step: int, *, progress: float, warmup_steps: int) -> float:
    """Return the learning rate over its peak: linear warm-up, then linear decay to 0.

    Args:
        step: Steps made so far.
        progress: The finished part of the training, 0 to 1, in steps or in time.
        warmup_steps: The steps of the warm-up.
    """
    return min(1.0, (step + 1) / warmup_steps) * (1.0 - progress)


class Schedule:
    """Sets the learning rate of several optimizers together."""

    def __init__(self, optimizers: list[Optimizer], *, warmup_steps: int) -> None:
        self._warmup_steps = warmup_steps
        self._optimizers = optimizers
        self._peaks = [[group["lr"] for group in x.param_groups] for x in optimizers]

    def set(self, step: int, *, progress: float) -> float:
        """Apply `lr_factor` to each peak and return it."""
        factor = lr_factor(step, progress=progress, warmup_steps=self._warmup_steps)
        # read each time: an optimizer that loads its state replaces its groups
        for optimizer, peaks in zip(self._optimizers, self._peaks, strict=True):
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * factor
        return factor
