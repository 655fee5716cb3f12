"""Packed layers compute what `nn.Linear` computes, within the precision of their weights."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from model.config import Activation, Norm, Sinusoidal
from model.engine.params import GenerationParams
from model.transformer.layers import ACTIVATIONS, FeedForward
from model.transformer.packed import (
    Int8Linear,
    PackedLinear,
    WideInt8Linear,
    pack_linears,
    replace_linears,
)
from model.transformer.seq2seq import Seq2SeqTransformer
from tests.factories import START, answer, make_config, make_engine, make_network, make_prompt

needs_bf16 = pytest.mark.skipif(
    not PackedLinear.is_available(), reason="this CPU, or this build of torch, packs no bfloat16"
)
needs_int8 = pytest.mark.skipif(
    not Int8Linear.is_available(), reason="this CPU, or this build of torch, has no FBGEMM"
)
KINDS = [
    pytest.param(PackedLinear, torch.bfloat16, 0.01, id="bfloat16", marks=needs_bf16),
    pytest.param(Int8Linear, torch.float32, 0.03, id="int8", marks=needs_int8),
    pytest.param(WideInt8Linear, torch.float32, 0.03, id="wide int8", marks=needs_int8),
]
each_kind = pytest.mark.parametrize(("kind", "dtype", "tolerance"), KINDS)

MakeLinear = Callable[[Tensor, Tensor | None], nn.Module]


def random_tensor(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@each_kind
@given(
    rows=st.integers(1, 70),
    width_in=st.integers(1, 50),
    width_out=st.integers(1, 50),
    has_bias=st.booleans(),
    seed=st.integers(0, 1_000),
)
def test_a_packed_layer_is_a_linear_layer(  # noqa: PLR0913 - one strategy each
    kind: MakeLinear,
    dtype: torch.dtype,
    tolerance: float,
    *,
    rows: int,
    width_in: int,
    width_out: int,
    has_bias: bool,
    seed: int,
) -> None:
    weight = random_tensor(width_out, width_in, seed=seed).to(dtype)
    bias = random_tensor(width_out, seed=seed + 1).to(dtype) if has_bias else None
    x = random_tensor(rows, width_in, seed=seed + 2).to(dtype)
    product = kind(weight, bias)(x)
    assert product.dtype is dtype
    expected = F.linear(x.float(), weight.float(), None if bias is None else bias.float())
    # Errors of single factors add up like noise, relative to the lengths of row and column.
    lengths = x.float().norm(dim=1)[:, None] * weight.float().norm(dim=1)
    noise = (product.float() - expected).abs() / (lengths + expected.abs())
    assert noise.max() < tolerance


@each_kind
def test_leading_dimensions_are_kept(
    kind: MakeLinear,
    dtype: torch.dtype,
    tolerance: float,  # noqa: ARG001
) -> None:
    layer = kind(random_tensor(5, 8).to(dtype), None)
    x = random_tensor(2, 3, 8).to(dtype)
    assert layer(x).shape == (2, 3, 5)
    assert torch.equal(layer(x)[1], layer(x[1]))


@needs_int8
@pytest.mark.parametrize("kind", [Int8Linear, WideInt8Linear])
def test_a_row_of_int8_does_not_depend_on_the_rows_beside_it(kind: MakeLinear) -> None:
    layer = kind(random_tensor(5, 8), random_tensor(5))
    x = random_tensor(4, 8)
    together = layer(torch.cat([x, 1_000 * x]))
    assert torch.equal(together[:4], layer(x))


@needs_int8
@pytest.mark.parametrize("kind", [Int8Linear, WideInt8Linear])
def test_a_row_of_zeros_gives_the_bias(kind: MakeLinear) -> None:
    bias = random_tensor(5)
    layer = kind(random_tensor(5, 8), bias)
    assert torch.equal(layer(torch.zeros(2, 8)), bias.expand(2, -1))


def packed_pair(
    kind: MakeLinear, dtype: torch.dtype, changes: dict[str, Any]
) -> tuple[Seq2SeqTransformer, Seq2SeqTransformer]:
    """The same network twice, the second one packed."""
    config = make_config(**changes)
    plain, packed = (make_network(config=config, dtype=dtype) for _ in range(2))
    if kind is PackedLinear:
        pack_linears(packed)
    else:
        replace_linears(packed, kind)
    return plain, packed


@needs_bf16
@pytest.mark.parametrize("activation", Activation)
def test_a_packed_layer_applies_the_activation_to_its_product(activation: Activation) -> None:
    weight, bias, x = (random_tensor(*shape).bfloat16() for shape in ((5, 8), (5,), (30, 8)))
    layer = PackedLinear(weight, bias, activation=activation)
    expected = ACTIVATIONS[activation](F.linear(x.float(), weight.float(), bias.float()))
    torch.testing.assert_close(layer(x).float(), expected, atol=0.02, rtol=0.01)


@needs_bf16
@pytest.mark.parametrize("activation", Activation)
def test_the_activation_of_a_feed_forward_is_applied_once(activation: Activation) -> None:
    plain, packed = packed_pair(PackedLinear, torch.bfloat16, {"activation": activation})
    x = random_tensor(30, 16).bfloat16()
    before, after = (
        [module(x) for module in network.modules() if isinstance(module, FeedForward)]
        for network in (plain, packed)
    )
    assert len(before) == 3
    torch.testing.assert_close(after, before, atol=0.3, rtol=0.05)


SHAPES = [
    pytest.param({}, id="untied"),
    pytest.param(
        {
            "norm": Norm(placement="post"),
            "final_norm": False,
            "positions": Sinusoidal(),
            "tied_output": True,
        },
        id="tied",
    ),
]


@pytest.mark.parametrize("changes", SHAPES)
@each_kind
def test_no_linear_layer_stays_unpacked_but_the_replaced_output(
    kind: MakeLinear,
    dtype: torch.dtype,
    tolerance: float,  # noqa: ARG001
    changes: dict[str, Any],
) -> None:
    _, packed = packed_pair(kind, dtype, changes)
    linears = [module for module in packed.modules() if isinstance(module, nn.Linear)]
    assert linears == ([] if packed.output is None else [packed.output])


@pytest.mark.parametrize("changes", SHAPES)
@each_kind
def test_a_packed_network_has_nearly_the_same_logits(
    kind: MakeLinear, dtype: torch.dtype, tolerance: float, changes: dict[str, Any]
) -> None:
    plain, packed = packed_pair(kind, dtype, changes)
    source, target = torch.tensor([[3, 7, 5, 0]]), torch.tensor([[23, 4, 9]])
    with torch.inference_mode():
        expected, logits = plain.float()(source, target), packed(source, target).float()
    assert (logits - expected).std() / expected.std() < 6 * tolerance


@pytest.mark.parametrize("changes", SHAPES)
@each_kind
def test_most_tokens_of_a_packed_network_are_those_the_plain_one_finds_best(
    kind: MakeLinear,
    dtype: torch.dtype,
    tolerance: float,  # noqa: ARG001
    changes: dict[str, Any],
) -> None:
    """Not all: these random networks make much of every rounding, more than trained ones."""
    plain, packed = packed_pair(kind, dtype, changes)
    plain = plain.float()
    agrees: list[bool] = []
    for seed in range(10):
        prompt = make_prompt(length=7, seed=seed)
        params = GenerationParams(max_new_tokens=20)
        (answered,) = answer(make_engine(network=packed), prompt, params).hypotheses
        chosen = answered.token_ids
        target = torch.tensor([[*prompt.decoder_prefix_ids, *chosen]])
        # The start token, the last of the vocabulary, is never generated.
        best = plain(torch.tensor([prompt.encoder_ids]), target)[0, :, :START].argmax(dim=-1)
        agrees += [token == other for token, other in zip(chosen, best.tolist(), strict=False)]
    assert sum(agrees) > 0.8 * len(agrees)


@each_kind
def test_packing_takes_no_parameter_out_of_the_count(
    kind: MakeLinear,
    dtype: torch.dtype,
    tolerance: float,  # noqa: ARG001
) -> None:
    """What the service says of a model counted the parameters left after packing."""
    plain, packed = packed_pair(kind, dtype, {})
    assert packed.num_parameters == plain.num_parameters
