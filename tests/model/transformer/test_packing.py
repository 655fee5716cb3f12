"""Packed networks of all shapes are nearly equal to the plain ones, and keep no plain weights."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from model.config import Activation, Norm, Sinusoidal
from model.engine.params import GenerationParams
from model.transformer import packing
from model.transformer.int8 import Int8Embedding, Int8Linear, WideInt8Linear, quantize
from model.transformer.layers import FeedForward, GatedFeedForward
from model.transformer.packed import PackedLinear
from model.transformer.packing import Bfloat16Packing, Int8Packing, Packing, pack
from model.transformer.seq2seq import Seq2SeqTransformer
from tests.support.engine.factories import (
    START,
    answer,
    make_config,
    make_engine,
    make_network,
    make_prompt,
)

needs_bf16 = pytest.mark.skipif(
    not PackedLinear.is_available(), reason="this CPU, or this build of torch, packs no bfloat16"
)
needs_int8 = pytest.mark.skipif(
    not Int8Linear.is_available(), reason="this CPU, or this build of torch, has no int8 kernels"
)
FLOAT, HALF = torch.float32, torch.bfloat16
WEIGHTS_ONLY, HALF_WEIGHTS_ONLY = (Int8Packing.for_weights_only(dtype) for dtype in (FLOAT, HALF))
BYTES = Int8Packing.for_bytes()
INT8 = [
    pytest.param(BYTES, FLOAT, 0.2, id="int8", marks=needs_int8),
    pytest.param(WEIGHTS_ONLY, FLOAT, 0.2, id="int8 weights"),
    pytest.param(HALF_WEIGHTS_ONLY, HALF, 0.2, id="int8 weights, bfloat16"),
]
ALL = [pytest.param(Bfloat16Packing(), HALF, 0.06, id="bfloat16", marks=needs_bf16), *INT8]
each_packing = pytest.mark.parametrize(("how", "dtype", "tolerance"), ALL)
each_int8 = pytest.mark.parametrize(("how", "dtype", "tolerance"), INT8)

POST_NORM = {"norm": Norm(placement="post"), "final_norm": False, "positions": Sinusoidal()}
SHAPES = [
    pytest.param({}, id="untied"),
    pytest.param({**POST_NORM, "tied_output": True}, id="tied"),
    pytest.param({"shared_embeddings": False, "tied_output": True}, id="two tables"),
    pytest.param({"gated_ffn": True, "biases": False, "output_bias": False}, id="gated, no bias"),
]
each_shape = pytest.mark.parametrize("changes", SHAPES)


def packed_pair(
    how: Packing, dtype: torch.dtype, changes: dict[str, Any]
) -> tuple[Seq2SeqTransformer, Seq2SeqTransformer]:
    """Return the same network twice, the second one packed."""
    config = make_config(**changes)
    plain, packed = (make_network(config=config, dtype=dtype) for _ in range(2))
    pack(packed, how)
    return plain, packed


def random_tensor(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@each_shape
@each_packing
def test_a_packed_network_has_nearly_the_same_logits(
    how: Packing, dtype: torch.dtype, tolerance: float, changes: dict[str, Any]
) -> None:
    plain, packed = packed_pair(how, dtype, changes)
    source, target = torch.tensor([[3, 7, 5, 0]]), torch.tensor([[23, 4, 9]])
    with torch.inference_mode():
        expected, logits = plain.float()(source, target), packed(source, target).float()
    assert (logits - expected).std() / expected.std() < tolerance


@each_shape
def test_a_network_of_int8_weights_computes_what_their_numbers_say(changes: dict[str, Any]) -> None:
    """So the difference in the test above comes from rounding alone."""
    plain, packed = packed_pair(WEIGHTS_ONLY, FLOAT, changes)
    for module in plain.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            quantized = quantize(module.weight)
            module.weight.copy_(quantized.weight * quantized.scales[:, None])
    source, target = torch.tensor([[3, 7, 5, 0]]), torch.tensor([[23, 4, 9]])
    torch.testing.assert_close(packed(source, target), plain(source, target), atol=1e-3, rtol=1e-4)


@each_shape
@each_packing
def test_most_tokens_of_a_packed_network_are_those_the_plain_one_finds_best(
    how: Packing,
    dtype: torch.dtype,
    tolerance: float,  # noqa: ARG001
    changes: dict[str, Any],
) -> None:
    """Not all: rounding changes the outputs of random networks more than those of trained ones."""
    plain, packed = packed_pair(how, dtype, changes)
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
    assert sum(agrees) > 0.7 * len(agrees)


@each_shape
@each_packing
def test_no_linear_layer_stays_as_it_was_but_the_output_that_tokens_are_looked_up_in(
    how: Packing,
    dtype: torch.dtype,
    tolerance: float,  # noqa: ARG001
    changes: dict[str, Any],
) -> None:
    _, packed = packed_pair(how, dtype, changes)
    linears = [module for module in packed.modules() if isinstance(module, nn.Linear)]
    keeps_output = isinstance(how, Bfloat16Packing) and packed.output is not None
    assert linears == ([packed.output] if keeps_output else [])


@each_shape
@each_int8
def test_an_int8_network_keeps_no_table_in_a_wider_type(
    how: Packing,
    dtype: torch.dtype,
    tolerance: float,  # noqa: ARG001
    changes: dict[str, Any],
) -> None:
    _, packed = packed_pair(how, dtype, changes)
    assert not any(isinstance(module, nn.Embedding) for module in packed.modules())
    assert packed.dtype is dtype
    widest = max(parameter.numel() for parameter in packed.parameters())
    assert widest <= packed.config.max_positions * packed.config.d_model + 2 * 16  # positions


@pytest.mark.parametrize("how", [WEIGHTS_ONLY, HALF_WEIGHTS_ONLY])
def test_where_weights_alone_are_int8_a_tied_output_and_its_table_are_one(
    how: Packing,
) -> None:
    _, packed = packed_pair(how, FLOAT, {"tied_output": True})
    assert packed.packed_output is not None
    assert packed.packed_output.weight is packed.target_embedding.weight


@each_packing
def test_packing_takes_no_parameter_out_of_the_count(
    how: Packing,
    dtype: torch.dtype,
    tolerance: float,  # noqa: ARG001
) -> None:
    """The service reports the number of parameters; packed layers have none."""
    plain, packed = packed_pair(how, dtype, {})
    assert packed.num_parameters == plain.num_parameters


@pytest.mark.parametrize("activation", Activation)
@pytest.mark.parametrize("is_gated", [False, True])
def test_the_activation_of_a_feed_forward_is_applied_once(
    activation: Activation, *, is_gated: bool
) -> None:
    """In float32, which the packed layers multiply on every processor."""
    changes = {"activation": activation, "gated_ffn": is_gated}
    plain, packed = packed_pair(Bfloat16Packing(), FLOAT, changes)
    x = random_tensor(30, 16)
    kind = GatedFeedForward if is_gated else FeedForward
    before, after = (
        [module(x) for module in network.modules() if isinstance(module, kind)]
        for network in (plain, packed)
    )
    assert len(before) == 3
    torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-4)


def with_limits(
    monkeypatch: pytest.MonkeyPatch, *, largest_copy: int, least_vocabulary: int
) -> Seq2SeqTransformer:
    monkeypatch.setattr(packing, "_LARGEST_COPY_BYTES", largest_copy)
    monkeypatch.setattr(packing, "LEAST_VOCABULARY", least_vocabulary)
    return packed_pair(Bfloat16Packing(), HALF, {"tied_output": True})[1]


@needs_bf16
def test_only_a_small_output_is_packed_beside_its_table(monkeypatch: pytest.MonkeyPatch) -> None:
    table_bytes = 24 * 16 * 2
    small = with_limits(monkeypatch, largest_copy=table_bytes, least_vocabulary=100)
    large = with_limits(monkeypatch, largest_copy=table_bytes - 1, least_vocabulary=100)
    assert isinstance(small.packed_output, PackedLinear)
    assert large.packed_output is None
    hidden = random_tensor(3, 16).bfloat16()
    torch.testing.assert_close(large.logits(hidden), small.logits(hidden), atol=0.1, rtol=0.01)


@needs_bf16
@needs_int8
def test_only_for_a_large_vocabulary_tokens_are_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    large = with_limits(monkeypatch, largest_copy=0, least_vocabulary=24)
    small = with_limits(monkeypatch, largest_copy=0, least_vocabulary=25)
    assert isinstance(large.rough_output, WideInt8Linear)
    assert small.rough_output is None
    hidden = random_tensor(3, 16).bfloat16()
    difference = large.rough_output(hidden.float()) - large.logits(hidden).float()
    assert difference.abs().max() < 0.05 * large.logits(hidden).abs().max()


@needs_bf16
@needs_int8
def test_the_engine_decodes_the_best_of_the_proposed_tokens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = with_limits(monkeypatch, largest_copy=0, least_vocabulary=24)
    for seed in range(10):
        prompt = make_prompt(length=7, seed=seed)
        params = GenerationParams(max_new_tokens=20)
        chosen = answer(make_engine(network=network), prompt, params).hypotheses[0].token_ids
        target = torch.tensor([[*prompt.decoder_prefix_ids, *chosen]])
        logits = network(torch.tensor([prompt.encoder_ids]), target)[0, : len(chosen), :START]
        found = logits.gather(1, torch.tensor(chosen, dtype=torch.int64)[:, None])[:, 0]
        # But for the roundings of bfloat16, which fall differently token by token.
        torch.testing.assert_close(found, logits.amax(dim=1), atol=0.3, rtol=0.02)


def test_an_int8_table_is_what_the_decoder_reads() -> None:
    plain, packed = packed_pair(WEIGHTS_ONLY, FLOAT, {"shared_embeddings": False})
    assert isinstance(packed.target_embedding, Int8Embedding)
    ids = torch.tensor([[3, 4]])
    for table, original in (
        (packed.embedding, plain.embedding),
        (packed.target_embedding, plain.target_embedding),
    ):
        torch.testing.assert_close(table(ids), original(ids), atol=0.02, rtol=0)
