"""Feed-forward and residuals."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from model.config import Activation
from model.transformer.layers import ACTIVATIONS, FeedForward, post_norm, pre_norm


def gelu(x: float) -> float:
    return x * (1 + math.erf(x / math.sqrt(2))) / 2


def gelu_tanh(x: float) -> float:
    return x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


def swish(x: float) -> float:
    return x / (1 + math.exp(-x))


@pytest.mark.parametrize(
    ("activation", "formula"),
    [
        pytest.param(Activation.RELU, lambda x: max(x, 0.0), id="relu"),
        pytest.param(Activation.GELU, gelu, id="gelu"),
        pytest.param(Activation.GELU_TANH, gelu_tanh, id="gelu_new"),
        pytest.param(Activation.SILU, swish, id="swish"),
    ],
)
def test_an_activation_is_its_formula(
    activation: Activation, formula: Callable[[float], float]
) -> None:
    x = torch.linspace(-4, 4, 41, dtype=torch.float64)
    expected = torch.tensor([formula(value) for value in x.tolist()], dtype=torch.float64)
    torch.testing.assert_close(ACTIVATIONS[activation](x), expected)


def test_every_activation_has_a_function() -> None:
    assert set(ACTIVATIONS) == set(Activation)


def test_feed_forward_is_two_linear_maps_around_the_activation() -> None:
    torch.manual_seed(0)
    ffn = FeedForward(6, 10, Activation.RELU)
    x = torch.randn(2, 3, 6)
    hidden = (x @ ffn.up.weight.T + ffn.up.bias).clamp(min=0)
    torch.testing.assert_close(ffn(x), hidden @ ffn.down.weight.T + ffn.down.bias)


def test_feed_forward_treats_each_position_alone() -> None:
    torch.manual_seed(0)
    ffn = FeedForward(6, 10, Activation.SILU).double()
    x = torch.randn(2, 3, 6, dtype=torch.float64)
    torch.testing.assert_close(ffn(x)[:, 1:2], ffn(x[:, 1:2]))


class Double(nn.Module):
    """Stands for a norm."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * x


def test_pre_norm_normalises_what_the_sublayer_reads() -> None:
    x = torch.tensor([1.0, 2.0])
    assert pre_norm(x, Double(), lambda x: x + 5).tolist() == [1 + (2 + 5), 2 + (4 + 5)]


def test_post_norm_normalises_the_sum() -> None:
    x = torch.tensor([1.0, 2.0])
    assert post_norm(x, Double(), lambda x: x + 5).tolist() == [2 * (1 + 6), 2 * (2 + 7)]
