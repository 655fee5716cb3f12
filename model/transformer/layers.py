"""The pieces of a layer besides attention: feed-forward, and the residual around each sublayer."""

from collections.abc import Callable, Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from model.config import Activation

Sublayer = Callable[[Tensor], Tensor]
Residual = Callable[[Tensor, nn.Module, Sublayer], Tensor]


def pre_norm(x: Tensor, norm: nn.Module, sublayer: Sublayer) -> Tensor:
    """Residual around a sublayer that reads normalised input; x: (batch, length, d_model)."""
    return x + sublayer(norm(x))


def post_norm(x: Tensor, norm: nn.Module, sublayer: Sublayer) -> Tensor:
    """Residual normalised after the sum, as in the original transformer."""
    return norm(x + sublayer(x))


RESIDUALS: Mapping[str, Residual] = {"pre": pre_norm, "post": post_norm}


def _gelu_tanh(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


ACTIVATIONS: Mapping[Activation, Callable[[Tensor], Tensor]] = {
    Activation.RELU: F.relu,
    Activation.GELU: F.gelu,
    Activation.GELU_TANH: _gelu_tanh,
    Activation.SILU: F.silu,
}


class FeedForward(nn.Module):
    """Two linear maps with a non-linearity between, applied to each position alone."""

    def __init__(self, d_model: int, d_ff: int, activation: Activation) -> None:
        super().__init__()
        self.up = nn.Linear(d_model, d_ff)
        self.down = nn.Linear(d_ff, d_model)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        """x and the result: (batch, length, d_model)."""
        return self.down(self.activation(self.up(x)))
