"""Feed-forward, norms and residuals."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from model.config import Activation, Norm
from model.transformer.layers import (
    ACTIVATIONS,
    RESIDUALS,
    FeedForward,
    GatedFeedForward,
    NormPair,
    RMSNorm,
    make_norm,
    make_sublayer_norm,
    norm_around,
    post_norm,
    pre_norm,
)


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


def test_gated_feed_forward_multiplies_the_activation_of_one_product_with_another() -> None:
    torch.manual_seed(0)
    ffn = GatedFeedForward(6, 10, Activation.RELU)
    x = torch.randn(2, 3, 6)
    gate, gated = ffn.up.weight.split(10)
    biases = ffn.up.bias.split(10)
    hidden = (x @ gate.T + biases[0]).clamp(min=0) * (x @ gated.T + biases[1])
    torch.testing.assert_close(ffn(x), hidden @ ffn.down.weight.T + ffn.down.bias)


@pytest.mark.parametrize("kind", [FeedForward, GatedFeedForward])
def test_feed_forward_without_biases_has_none(kind: type[nn.Module]) -> None:
    ffn = kind(6, 10, Activation.SILU, bias=False)
    assert {name for name, _ in ffn.named_parameters()} == {"up.weight", "down.weight"}
    assert not ffn(torch.zeros(1, 1, 6)).any()


def test_an_rms_norm_divides_by_the_root_of_the_mean_square() -> None:
    norm = RMSNorm(4, eps=0.5)
    norm.weight.data = torch.tensor([1.0, 2.0, 3.0, -1.0])
    x = torch.tensor([[3.0, -1.0, 2.0, 0.0]])  # the mean of the squares is 3.5
    expected = [3 / 2, -1 / 2 * 2, 2 / 2 * 3, 0.0]
    torch.testing.assert_close(norm(x), torch.tensor([expected]))


def test_an_rms_norm_does_not_subtract_the_mean() -> None:
    shifted = RMSNorm(4, eps=0.0)(torch.full((1, 4), 7.0))
    torch.testing.assert_close(shifted, torch.ones(1, 4))


def test_what_is_added_to_a_stored_gain_counts_as_gain() -> None:
    plain, offset = RMSNorm(6, eps=1e-6), RMSNorm(6, eps=1e-6, gain_offset=1.0)
    x = torch.randn(2, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(offset(x), plain(x))  # both are new: a gain of 1
    plain.weight.data.fill_(1.5)
    offset.weight.data.fill_(0.5)
    torch.testing.assert_close(offset(x), plain(x))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_an_rms_norm_squares_in_float32(dtype: torch.dtype) -> None:
    """The square of 1,000 overflows float16."""
    norm = RMSNorm(4, eps=1e-6).to(dtype)
    x = torch.tensor([[1_000.0, -1_000.0, 1_000.0, 0.0]], dtype=dtype)
    expected = torch.tensor([[1.0, -1.0, 1.0, 0.0]]) / 0.75**0.5
    assert norm(x).dtype is dtype
    torch.testing.assert_close(norm(x).float(), expected, atol=0.005, rtol=0)


def test_norms_are_of_the_kind_that_the_config_names() -> None:
    rms = make_norm(Norm(placement="pre", kind="rms", eps=0.25, gain_offset=1.0), 6)
    layer = make_norm(Norm(placement="pre", eps=0.25), 6)
    assert isinstance(rms, RMSNorm)
    assert (rms.eps, rms.gain_offset) == (0.25, 1.0)
    assert isinstance(layer, nn.LayerNorm)
    assert layer.eps == 0.25


def test_only_a_norm_around_a_sublayer_is_two() -> None:
    assert set(RESIDUALS) == {"pre", "post", "around"}
    assert isinstance(make_sublayer_norm(Norm(placement="around"), 6), NormPair)
    assert isinstance(make_sublayer_norm(Norm(placement="pre"), 6), nn.LayerNorm)
    assert isinstance(make_sublayer_norm(Norm(placement="post", kind="rms"), 6), RMSNorm)


class Double(nn.Module):
    """A stand-in for a norm."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * x


def test_pre_norm_normalises_what_the_sublayer_reads() -> None:
    x = torch.tensor([1.0, 2.0])
    assert pre_norm(x, Double(), lambda x: x + 5).tolist() == [1 + (2 + 5), 2 + (4 + 5)]


def test_post_norm_normalises_the_sum() -> None:
    x = torch.tensor([1.0, 2.0])
    assert post_norm(x, Double(), lambda x: x + 5).tolist() == [2 * (1 + 6), 2 * (2 + 7)]


class Triple(nn.Module):
    """A stand-in for another norm."""

    def forward(self, x: Tensor) -> Tensor:
        return 3 * x


def test_norms_around_normalise_what_a_sublayer_reads_and_what_it_says() -> None:
    x = torch.tensor([1.0, 2.0])
    norms = NormPair(Double(), Triple())
    assert norm_around(x, norms, lambda x: x + 5).tolist() == [1 + 3 * (2 + 5), 2 + 3 * (4 + 5)]
