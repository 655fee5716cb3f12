"""Packed layers compute what `nn.Linear` computes, within the precision of bfloat16."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from model.config import Activation
from model.transformer.layers import ACTIVATIONS
from model.transformer.packed import PackedLinear

pytestmark = pytest.mark.skipif(
    not PackedLinear.is_available(), reason="this CPU, or this build of torch, packs no bfloat16"
)


def random_tensor(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).bfloat16()


@given(
    rows=st.integers(1, 70),
    width_in=st.integers(1, 50),
    width_out=st.integers(1, 50),
    has_bias=st.booleans(),
    seed=st.integers(0, 1_000),
)
def test_a_packed_layer_is_a_linear_layer(
    *, rows: int, width_in: int, width_out: int, has_bias: bool, seed: int
) -> None:
    weight = random_tensor(width_out, width_in, seed=seed)
    bias = random_tensor(width_out, seed=seed + 1) if has_bias else None
    x = random_tensor(rows, width_in, seed=seed + 2)
    product = PackedLinear(weight, bias)(x)
    assert product.dtype is torch.bfloat16
    expected = F.linear(x.float(), weight.float(), None if bias is None else bias.float())
    # Errors of single factors add up like noise, relative to the lengths of row and column.
    lengths = x.float().norm(dim=1)[:, None] * weight.float().norm(dim=1)
    assert ((product.float() - expected).abs() / (lengths + expected.abs())).max() < 0.01


def test_leading_dimensions_are_kept() -> None:
    layer = PackedLinear(random_tensor(5, 8), None)
    x = random_tensor(2, 3, 8)
    assert layer(x).shape == (2, 3, 5)
    assert torch.equal(layer(x)[1], layer(x[1]))


@pytest.mark.parametrize("activation", Activation)
def test_a_packed_layer_applies_the_activation_to_its_product(activation: Activation) -> None:
    weight, bias, x = random_tensor(5, 8), random_tensor(5), random_tensor(30, 8)
    layer = PackedLinear(weight, bias, activation=activation)
    expected = ACTIVATIONS[activation](F.linear(x.float(), weight.float(), bias.float()))
    torch.testing.assert_close(layer(x).float(), expected, atol=0.02, rtol=0.01)
