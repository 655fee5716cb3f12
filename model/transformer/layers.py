"""Parts of a layer besides attention: norms, residual connections, feed-forward."""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.config import Activation, Norm

Sublayer = Callable[[Tensor], Tensor]
Residual = Callable[[Tensor, nn.Module, Sublayer], Tensor]


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * gain, computed in float32 (Zhang and Sennrich, 2019)."""

    def __init__(self, width: int, *, eps: float, gain_offset: float = 0.0) -> None:
        super().__init__()
        self.eps = eps
        self.gain_offset = gain_offset
        self.weight = nn.Parameter(torch.full((width,), 1.0 - gain_offset))

    def forward(self, x: Tensor) -> Tensor:
        """x and the result: (..., width)."""
        gain = self.weight.float() + self.gain_offset
        return F.rms_norm(x.float(), gain.shape, gain, self.eps).to(x.dtype)


class NormPair(nn.Module):
    """The norm before a sublayer and the one after it."""

    before: nn.Module
    after: nn.Module

    def __init__(self, before: nn.Module, after: nn.Module) -> None:
        super().__init__()
        self.before = before
        self.after = after


def make_norm(norm: Norm, width: int) -> nn.Module:
    """Return a norm of the kind that the config names."""
    if norm.kind == "rms":
        return RMSNorm(width, eps=norm.eps, gain_offset=norm.gain_offset)
    return nn.LayerNorm(width, eps=norm.eps)


def make_sublayer_norm(norm: Norm, width: int) -> nn.Module:
    """Return the norm of one sublayer, as `RESIDUALS[norm.placement]` takes it."""
    if norm.placement == "around":
        return NormPair(make_norm(norm, width), make_norm(norm, width))
    return make_norm(norm, width)


def pre_norm(x: Tensor, norm: nn.Module, sublayer: Sublayer) -> Tensor:
    """Return x + sublayer(norm(x)); x: (batch, length, d_model)."""
    return x + sublayer(norm(x))


def post_norm(x: Tensor, norm: nn.Module, sublayer: Sublayer) -> Tensor:
    """Return norm(x + sublayer(x)), as in the original transformer."""
    return norm(x + sublayer(x))


def norm_around(x: Tensor, norm: nn.Module, sublayer: Sublayer) -> Tensor:
    """Return x + after(sublayer(before(x))), for a `NormPair`."""
    assert isinstance(norm, NormPair)  # noqa: S101 - as `make_sublayer_norm` makes it
    return x + norm.after(sublayer(norm.before(x)))


RESIDUALS: Mapping[str, Residual] = {"pre": pre_norm, "post": post_norm, "around": norm_around}


def _gelu_tanh(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


ACTIVATIONS: Mapping[Activation, Callable[[Tensor], Tensor]] = {
    Activation.RELU: F.relu,
    Activation.GELU: F.gelu,
    Activation.GELU_TANH: _gelu_tanh,
    Activation.SILU: F.silu,
}


class FeedForward(nn.Module):
    """Position-wise feed-forward: down(activation(up(x)))."""

    def __init__(
        self, d_model: int, d_ff: int, activation: Activation, *, bias: bool = True
    ) -> None:
        super().__init__()
        self.up = nn.Linear(d_model, d_ff, bias=bias)
        self.down = nn.Linear(d_ff, d_model, bias=bias)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        """x and the result: (batch, length, d_model)."""
        return self.down(self.activation(self.up(x)))


class GatedFeedForward(nn.Module):
    """Gated feed-forward (GLU variants; Shazeer, 2020): down(activation(gate(x)) * up(x))."""

    def __init__(
        self, d_model: int, d_ff: int, activation: Activation, *, bias: bool = True
    ) -> None:
        super().__init__()
        self.up = nn.Linear(d_model, 2 * d_ff, bias=bias)  # gate and gated value in one product
        self.down = nn.Linear(d_ff, d_model, bias=bias)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        """x and the result: (batch, length, d_model)."""
        gate, gated = self.up(x).chunk(2, dim=-1)
        return self.down(self.activation(gate) * gated)
