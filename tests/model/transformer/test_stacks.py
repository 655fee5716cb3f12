"""Encoder and decoder: parts, order of application, and masks."""

import weakref
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from model.config import Norm, RelativeBias, Rotary, Stack
from model.transformer.masks import causal_bias, padding_bias
from model.transformer.memory import KeysValues, Memory
from model.transformer.stacks import Decoder, Encoder
from tests.support.engine.factories import make_config

LENGTH = 6
POSITIONS = torch.arange(LENGTH)[None]
SHAPES = [
    pytest.param({}, id="pre-norm"),
    pytest.param({"norm": Norm(placement="post"), "final_norm": False}, id="post-norm"),
    pytest.param({"embedding_norm": True, "scaled_embeddings": True}, id="scaled and normalised"),
    pytest.param({"norm": Norm(placement="around", kind="rms")}, id="a norm before and after"),
    pytest.param({"gated_ffn": True, "biases": False}, id="gated, no biases"),
    pytest.param(
        {"positions": RelativeBias(num_buckets=8, max_distance=5)}, id="one table of distances"
    ),
    pytest.param({"positions": RelativeBias(per_layer=True)}, id="distances for each layer"),
    pytest.param({"positions": Rotary()}, id="rotary"),
    pytest.param(
        {"decoder": Stack(num_layers=3, num_heads=4, d_ff=8, reaches=(None, 1, 3))}, id="windows"
    ),
    pytest.param(
        {"decoder": Stack(num_layers=2, num_heads=6, d_ff=8, d_head=4, num_kv_heads=2)},
        id="heads that share keys",
    ),
    pytest.param({"attention_softcap": 2.0, "output_scale": 0.5}, id="softcap"),
]


def make_encoder(**changes: Any) -> Encoder:
    torch.manual_seed(0)
    return Encoder(make_config(**changes)).double().requires_grad_(requires_grad=False)


def make_decoder(**changes: Any) -> Decoder:
    torch.manual_seed(0)
    return Decoder(make_config(**changes)).double().requires_grad_(requires_grad=False)


def random_vectors(length: int = LENGTH, *, seed: int = 1) -> Tensor:
    """Return random numbers, (2, length, 16)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, length, 16, generator=generator, dtype=torch.float64)


def memory_of(decoder: Decoder, source: Tensor) -> Memory:
    return Memory([layer.cross_attention.keys_values(source) for layer in decoder.layers])  # type: ignore[operator, union-attr]


def causal() -> Tensor:
    return causal_bias(LENGTH, dtype=torch.float64, device=torch.device("cpu"))


class GrowingStore:
    """A KV cache that concatenates."""

    def __init__(self) -> None:
        self.kept: list[KeysValues] = []

    def num_keys(self, num_queries: int) -> int:
        return sum(key.shape[2] for key, _ in self.kept) + num_queries

    def append(self, key: Tensor, value: Tensor) -> KeysValues:
        self.kept.append((key, value))
        keys, values = zip(*self.kept, strict=True)
        return torch.cat(keys, dim=2), torch.cat(values, dim=2)


@pytest.mark.parametrize("changes", SHAPES)
def test_what_comes_out_is_as_wide_as_what_goes_in(changes: dict[str, Any]) -> None:
    encoder, decoder = make_encoder(**changes), make_decoder(**changes)
    source = encoder(random_vectors(), POSITIONS, bias=None)
    target = decoder(random_vectors(), POSITIONS, memory_of(decoder, source), self_bias=causal())
    assert source.shape == target.shape == (2, LENGTH, 16)


def test_stacks_are_as_deep_as_described() -> None:
    changes = {
        "encoder": Stack(num_layers=3, num_heads=2, d_ff=8),
        "decoder": Stack(num_layers=1, num_heads=8, d_ff=5),
    }
    assert len(make_encoder(**changes).layers) == 3
    assert len(make_decoder(**changes).layers) == 1


def test_tokens_are_scaled_before_positions_are_added_and_the_sum_is_normalised() -> None:
    stack = make_encoder(scaled_embeddings=True, embedding_norm=True)
    embedded = random_vectors()
    assert stack.positions is not None
    expected = stack.embedding_norm(4.0 * embedded + stack.positions(POSITIONS))
    torch.testing.assert_close(stack.embed(embedded, POSITIONS), expected)


def test_norms_that_the_config_does_not_have_are_not_there() -> None:
    stack = make_encoder(final_norm=False)
    assert isinstance(stack.embedding_norm, nn.Identity)
    assert isinstance(stack.final_norm, nn.Identity)


def test_a_post_norm_stack_ends_normalised() -> None:
    encoder = make_encoder(norm=Norm(placement="post"), final_norm=False)
    memory = encoder(100 * random_vectors(), POSITIONS, bias=None)
    torch.testing.assert_close(memory.mean(dim=-1), torch.zeros(2, LENGTH, dtype=torch.float64))


@pytest.mark.parametrize("changes", SHAPES)
def test_an_encoder_position_sees_the_whole_source(changes: dict[str, Any]) -> None:
    encoder = make_encoder(**changes)
    embedded = random_vectors()
    before = encoder(embedded, POSITIONS, bias=None)
    embedded[:, -1] += torch.arange(16)
    after = encoder(embedded, POSITIONS, bias=None)
    assert not torch.isclose(after, before).all(dim=-1).any()


def test_a_short_source_beside_a_long_one_is_as_alone_whatever_its_windows() -> None:
    encoder = make_encoder(encoder=Stack(num_layers=3, num_heads=4, d_ff=8, reaches=(1, 0, None)))
    embedded = random_vectors()
    mask = torch.tensor([[True] * LENGTH, [True] * 2 + [False] * (LENGTH - 2)])
    together = encoder(embedded, POSITIONS, bias=padding_bias(mask, torch.float64))
    alone = encoder(embedded[1:, :2], POSITIONS[:, :2], bias=None)
    assert together.isfinite().all()
    torch.testing.assert_close(together[1:, :2], alone)


def test_a_window_ends_where_its_reach_does() -> None:
    encoder = make_encoder(encoder=Stack(num_layers=1, num_heads=4, d_ff=8, reaches=(2,)))
    embedded = random_vectors()
    before = encoder(embedded, POSITIONS, bias=None)
    embedded[:, -1] += torch.arange(16)
    after = encoder(embedded, POSITIONS, bias=None)
    assert torch.equal(after[:, :-3], before[:, :-3])
    assert not torch.isclose(after[:, -3:], before[:, -3:]).all(dim=-1).any()


@pytest.mark.parametrize("changes", SHAPES)
def test_a_decoder_position_sees_nothing_after_it(changes: dict[str, Any]) -> None:
    decoder = make_decoder(**changes)
    memory = memory_of(decoder, random_vectors(seed=2))
    embedded = random_vectors()
    before = decoder(embedded, POSITIONS, memory, self_bias=causal())
    embedded[:, 4] += torch.arange(16)
    after = decoder(embedded, POSITIONS, memory, self_bias=causal())
    assert torch.equal(after[:, :4], before[:, :4])
    assert not torch.isclose(after[:, 4:], before[:, 4:]).all(dim=-1).any()


@pytest.mark.parametrize("changes", SHAPES)
def test_every_decoder_position_sees_the_source(changes: dict[str, Any]) -> None:
    decoder = make_decoder(**changes)
    embedded = random_vectors()
    one, other = (
        decoder(embedded, POSITIONS, memory_of(decoder, random_vectors(seed=s)), self_bias=causal())
        for s in (2, 3)
    )
    assert not torch.isclose(one, other).all(dim=-1).any()


@pytest.mark.parametrize("changes", SHAPES)
@pytest.mark.parametrize("pieces", [[1] * LENGTH, [3, 1, 2]], ids=str)
def test_positions_one_by_one_with_a_store_are_as_all_at_once(
    changes: dict[str, Any], pieces: Sequence[int]
) -> None:
    decoder = make_decoder(**changes)
    memory = memory_of(decoder, random_vectors(seed=2))
    embedded = random_vectors()
    whole = decoder(embedded, POSITIONS, memory, self_bias=causal())
    stores = [GrowingStore() for _ in decoder.layers]
    done, parts = 0, []
    for size in pieces:
        new = slice(done, done + size)
        parts.append(
            decoder(
                embedded[:, new],
                POSITIONS[:, new],
                memory,
                self_bias=causal()[new, : done + size],
                stores=stores,
            )
        )
        done += size
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)


def test_what_the_decoder_says_is_scaled_after_its_last_norm() -> None:
    plain, scaled = make_decoder(), make_decoder(output_scale=0.25)
    embedded, memory = random_vectors(), memory_of(plain, random_vectors(seed=2))
    expected = 0.25 * plain(embedded, POSITIONS, memory, self_bias=causal())
    found = scaled(embedded, POSITIONS, memory, self_bias=causal())
    torch.testing.assert_close(found, expected)


def test_a_table_of_distances_is_for_all_layers_or_there_is_one_for_each() -> None:
    stack = Stack(num_layers=3, num_heads=4, d_ff=8)
    shared = make_encoder(encoder=stack, positions=RelativeBias())
    own = make_encoder(encoder=stack, positions=RelativeBias(per_layer=True))
    assert (len(shared.relative_biases), len(own.relative_biases)) == (1, 3)
    by_layer = list(shared.self_biases(None, POSITIONS, num_keys=LENGTH))
    assert len(by_layer) == 3
    assert all(bias is by_layer[0] for bias in by_layer)
    tables = list(own.self_biases(None, POSITIONS, num_keys=LENGTH))
    assert not any(torch.equal(a, b) for a, b in pairwise(tables))  # type: ignore[arg-type]


def test_tables_of_each_layer_are_not_in_memory_together() -> None:
    stack = Stack(num_layers=3, num_heads=4, d_ff=8)
    encoder = make_encoder(encoder=stack, positions=RelativeBias(per_layer=True))
    biases = encoder.self_biases(None, POSITIONS, num_keys=LENGTH)
    first = weakref.ref(next(biases))
    next(biases)
    assert first() is None


def test_biases_are_by_distance_and_hide_what_was_hidden() -> None:
    decoder = make_decoder(positions=RelativeBias(num_buckets=8, max_distance=20))
    bias, *_ = decoder.self_biases(causal(), POSITIONS, num_keys=LENGTH)
    assert bias is not None
    assert bias.shape == (1, 2, LENGTH, LENGTH)
    assert torch.equal(bias[0, 0].isinf(), causal().isinf())
    # A position and the one after it differ by one step along the diagonal.
    torch.testing.assert_close(bias[..., 1:, 1:], bias[..., :-1, :-1])


def test_biases_of_later_positions_are_those_rows_of_all() -> None:
    decoder = make_decoder(positions=RelativeBias(num_buckets=8, max_distance=20))
    whole, *_ = decoder.self_biases(None, POSITIONS, num_keys=LENGTH)
    last, *_ = decoder.self_biases(None, POSITIONS[:, 4:], num_keys=LENGTH)
    assert whole is not None
    assert last is not None
    assert torch.equal(last, whole[:, :, 4:])


def test_without_distances_or_windows_no_bias_is_made() -> None:
    decoder, bias = make_decoder(), causal()
    assert all(each is bias for each in decoder.self_biases(bias, POSITIONS, num_keys=LENGTH))


def test_a_window_that_reaches_everything_costs_nothing() -> None:
    stack = Stack(num_layers=2, num_heads=4, d_ff=8, reaches=(LENGTH - 1, 100))
    encoder = make_encoder(encoder=stack)
    assert list(encoder.self_biases(None, POSITIONS, num_keys=LENGTH)) == [None, None]


def test_stores_hold_one_row_of_keys_for_heads_that_share() -> None:
    stack = Stack(num_layers=1, num_heads=6, d_ff=8, d_head=4, num_kv_heads=2)
    decoder = make_decoder(decoder=stack)
    store = GrowingStore()
    memory = memory_of(decoder, random_vectors(seed=2))
    decoder(random_vectors(), POSITIONS, memory, self_bias=causal(), stores=[store])
    ((key, value),) = store.kept
    assert key.shape == value.shape == (2, 2, LENGTH, 4)
    assert memory.keys_values[0][0].shape == (2, 2, LENGTH, 4)


def test_cross_attention_knows_no_positions() -> None:
    """It has neither distances nor rotations: the order of the memory changes nothing."""
    for positions in (RelativeBias(), Rotary()):
        decoder = make_decoder(positions=positions)
        source, embedded = random_vectors(seed=2), random_vectors()
        one, other = (
            decoder(embedded, POSITIONS, memory_of(decoder, memory), self_bias=causal())
            for memory in (source, source.flip(1))
        )
        torch.testing.assert_close(one, other)
