"""int8 layers compute what plain ones compute, within the precision of their weights."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from model.transformer import int8
from model.transformer.int8 import (
    Int8Embedding,
    Int8Linear,
    Quantized,
    WeightOnlyInt8Linear,
    WideInt8Linear,
    quantize,
)

needs_int8 = pytest.mark.skipif(
    not Int8Linear.is_available(), reason="this CPU, or this build of torch, has no int8 kernels"
)
BYTES = [
    pytest.param(Int8Linear, id="bytes", marks=needs_int8),
    pytest.param(WideInt8Linear, id="bytes, wide", marks=needs_int8),
]
KINDS = [*BYTES, pytest.param(WeightOnlyInt8Linear, id="weights only")]
each_kind = pytest.mark.parametrize("kind", KINDS)

MakeLinear = Callable[[Quantized, Tensor | None], nn.Module]


def random_tensor(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def widened(quantized: Quantized) -> Tensor:
    return quantized.weight * quantized.scales[:, None]


@given(rows=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 1_000))
def test_no_weight_is_farther_from_its_integer_than_half_a_step(
    *, rows: int, width: int, seed: int
) -> None:
    weight = random_tensor(rows, width, seed=seed)
    quantized = quantize(weight)
    assert quantized.weight.dtype is torch.int8
    steps = (widened(quantized) - weight).abs() / quantized.scales[:, None]
    assert steps.max() < 0.501
    torch.testing.assert_close(quantized.scales, weight.abs().amax(dim=1) / 127)


def test_a_table_quantized_in_blocks_is_the_one_quantized_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weight = random_tensor(50, 8).bfloat16()
    whole = quantize(weight)
    monkeypatch.setattr(int8, "_QUANTIZED_AT_ONCE", 7 * 8)
    blocks = quantize(weight)
    assert torch.equal(blocks.weight, whole.weight)
    assert torch.equal(blocks.scales, whole.scales)


def test_a_row_of_zeros_stays_one() -> None:
    assert not widened(quantize(torch.zeros(2, 5))).any()


@each_kind
@given(
    rows=st.integers(1, 70),
    width_in=st.integers(1, 50),
    width_out=st.integers(1, 50),
    has_bias=st.booleans(),
    seed=st.integers(0, 1_000),
)
def test_an_int8_layer_is_a_linear_layer(
    kind: MakeLinear, *, rows: int, width_in: int, width_out: int, has_bias: bool, seed: int
) -> None:
    weight = random_tensor(width_out, width_in, seed=seed)
    bias = random_tensor(width_out, seed=seed + 1) if has_bias else None
    x = random_tensor(rows, width_in, seed=seed + 2)
    product = kind(quantize(weight), bias)(x)
    assert product.dtype is torch.float32
    expected = F.linear(x, weight, bias)
    # Errors of single factors add up like noise, relative to the lengths of row and column.
    lengths = x.norm(dim=1)[:, None] * weight.norm(dim=1)
    assert ((product - expected).abs() / (lengths + expected.abs())).max() < 0.03


@each_kind
def test_leading_dimensions_are_kept(kind: MakeLinear) -> None:
    layer = kind(quantize(random_tensor(5, 8)), None)
    x = random_tensor(2, 3, 8)
    assert layer(x).shape == (2, 3, 5)
    torch.testing.assert_close(layer(x)[1], layer(x[1]))


@pytest.mark.parametrize("kind", BYTES)
def test_a_row_does_not_depend_on_the_rows_beside_it(kind: MakeLinear) -> None:
    layer = kind(quantize(random_tensor(5, 8)), random_tensor(5))
    x = random_tensor(4, 8)
    together = layer(torch.cat([x, 1_000 * x]))
    assert torch.equal(together[:4], layer(x))


@each_kind
def test_a_row_of_zeros_gives_the_bias(kind: MakeLinear) -> None:
    bias = random_tensor(5)
    layer = kind(quantize(random_tensor(5, 8)), bias)
    assert torch.equal(layer(torch.zeros(2, 8)), bias.expand(2, -1))


FLOATS = [
    pytest.param(torch.float32, 1e-6, id="float32"),
    pytest.param(torch.bfloat16, 0.02, id="bfloat16"),
    pytest.param(torch.float16, 0.003, id="float16"),
]


@pytest.mark.parametrize(("dtype", "tolerance"), FLOATS)
def test_weights_alone_in_int8_are_multiplied_as_the_numbers_they_stand_for(
    dtype: torch.dtype, tolerance: float
) -> None:
    quantized, bias = quantize(random_tensor(40, 64)), random_tensor(40)
    x = random_tensor(9, 64).to(dtype)
    product = WeightOnlyInt8Linear(quantized, bias, dtype=dtype)(x)
    assert product.dtype is dtype
    expected = F.linear(x.float(), widened(quantized), bias)
    assert (product.float() - expected).abs().max() < tolerance * expected.abs().max()


def test_large_sums_do_not_overflow_float16() -> None:
    """A sum of 4,096 integers up to 127 exceeds 65,504."""
    quantized = quantize(torch.ones(1, 4_096) / 64)
    product = WeightOnlyInt8Linear(quantized, None, dtype=torch.float16)(
        torch.ones(1, 4_096, dtype=torch.float16)
    )
    torch.testing.assert_close(product.float(), torch.tensor([[64.0]]), rtol=0.01, atol=0)


def test_a_product_in_blocks_of_outputs_is_the_whole_product(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer = WeightOnlyInt8Linear(quantize(random_tensor(50, 8)), random_tensor(50))
    x = random_tensor(2, 3, 8)
    whole = layer(x)
    monkeypatch.setattr(int8, "_WIDENED_AT_ONCE", 7 * 8)
    torch.testing.assert_close(layer(x), whole)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_int8_table_gives_the_vectors_it_was_made_from(dtype: torch.dtype) -> None:
    weight, ids = random_tensor(30, 16), torch.tensor([[3, 29], [0, 3]])
    vectors = Int8Embedding(quantize(weight), dtype=dtype)(ids)
    assert vectors.dtype is dtype
    assert vectors.shape == (2, 2, 16)
    assert (vectors.float() - weight[ids]).abs().max() < 0.03
    assert torch.equal(vectors[0, 0], vectors[1, 1])


def test_a_layer_of_weights_in_int8_moves_to_a_device_as_a_whole() -> None:
    """All its tensors are parameters or buffers, which the device `meta` shows without a GPU."""
    layer = WeightOnlyInt8Linear(quantize(random_tensor(5, 8)), random_tensor(5)).to("meta")
    table = Int8Embedding(quantize(random_tensor(5, 8))).to("meta")
    assert layer(torch.empty(2, 8, device="meta")).is_meta
    assert table(torch.empty(2, dtype=torch.int64, device="meta")).is_meta
