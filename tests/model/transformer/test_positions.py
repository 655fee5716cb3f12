"""The four kinds of positions, against their formulas and against `transformers`."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import T5Config, T5GemmaModuleConfig
from transformers.models.m2m_100.modeling_m2m_100 import M2M100SinusoidalPositionalEmbedding
from transformers.models.marian.modeling_marian import MarianSinusoidalPositionalEmbedding
from transformers.models.t5.modeling_t5 import T5Attention
from transformers.models.t5gemma.modeling_t5gemma import (
    T5GemmaRotaryEmbedding,
    apply_rotary_pos_emb,
)

from model.config import Learned, RelativeBias, Rotary, Sinusoidal
from model.transformer.positions import (
    PositionEmbedding,
    RelativeBiasTable,
    relative_buckets,
    rotate,
    rotation,
    sinusoids,
    sinusoids_by_span,
)
from model.transformer.stacks import Encoder
from tests.support.engine.factories import make_config

WIDTHS = [1, 2, 3, 8, 17, 64, 129]


@pytest.mark.parametrize("d_model", WIDTHS)
def test_sinusoids_are_those_of_the_paper_with_sines_first(d_model: int) -> None:
    """PE(pos, 2i) = sin(pos / 10000^(2i/d)), PE(pos, 2i + 1) = cos(the same), de-interleaved."""
    interleaved = np.zeros((50, d_model))
    for position in range(50):
        for dimension in range(d_model):
            angle = position / 10_000 ** (2 * (dimension // 2) / d_model)
            is_sine = dimension % 2 == 0
            interleaved[position, dimension] = np.sin(angle) if is_sine else np.cos(angle)
    expected = np.concatenate([interleaved[:, 0::2], interleaved[:, 1::2]], axis=1)
    np.testing.assert_allclose(sinusoids(50, d_model).numpy(), expected, atol=6e-8)


@pytest.mark.parametrize("d_model", WIDTHS)
def test_sinusoids_are_those_of_transformers(d_model: int) -> None:
    theirs = MarianSinusoidalPositionalEmbedding(300, d_model)
    assert torch.equal(sinusoids(300, d_model), theirs.create_weight())


def test_distant_positions_are_as_precise_as_near_ones() -> None:
    """In float32 the angle of position 5,000 would have an error of about 2e-4."""
    expected = np.sin(5_000 / 10_000 ** (2 / 64))
    assert sinusoids(5_001, 64)[5_000, 1].item() == pytest.approx(expected, abs=6e-8)


@pytest.mark.parametrize("d_model", [4, 5, 8, 17, 64, 129])
def test_the_other_sinusoids_reach_the_longest_wavelength_in_each_half(d_model: int) -> None:
    """sin(pos / 10000^(i / (d/2 - 1))), then the cosines of the same, then zeros if need be."""
    half = d_model // 2
    angles = np.arange(50)[:, None] / 10_000 ** (np.arange(half) / (half - 1))
    expected = np.concatenate(
        [np.sin(angles), np.cos(angles), np.zeros((50, d_model - 2 * half))], axis=1
    )
    np.testing.assert_allclose(sinusoids_by_span(50, d_model).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("d_model", [4, 5, 64, 129])
def test_the_other_sinusoids_are_those_of_m2m100(d_model: int) -> None:
    theirs = M2M100SinusoidalPositionalEmbedding.get_embedding(1_026, d_model)
    assert torch.equal(sinusoids_by_span(1_026, d_model), theirs)


def test_the_two_sinusoids_differ() -> None:
    assert not torch.allclose(sinusoids(50, 16), sinusoids_by_span(50, 16), atol=0.1)


@pytest.mark.parametrize("first", [0, 2])
def test_a_sinusoidal_table_begins_with_its_first_position(first: int) -> None:
    kind = Sinusoidal(first=first, spacing="half_minus_one")
    table = PositionEmbedding(kind, max_positions=5, d_model=8)
    assert table.weight.shape == (5, 8)
    assert torch.equal(table(torch.tensor([0, 4])), sinusoids_by_span(7, 8)[[first, first + 4]])


def test_a_longer_table_of_sinusoids_begins_as_the_shorter_one() -> None:
    short, long = (
        PositionEmbedding(Sinusoidal(), max_positions=length, d_model=8) for length in (5, 500)
    )
    assert torch.equal(long.weight[:5], short.weight)
    assert torch.equal(long(torch.tensor([499]))[0], sinusoids(500, 8)[499])


def test_a_sinusoidal_table_is_no_parameter_and_in_no_checkpoint() -> None:
    table = PositionEmbedding(Sinusoidal(), max_positions=5, d_model=4)
    assert list(table.parameters()) == []
    assert table.state_dict() == {}
    assert torch.equal(table(torch.tensor([[3, 0]]))[0], sinusoids(5, 4)[[3, 0]])


@pytest.mark.parametrize("offset", [0, 2])
def test_a_learned_table_begins_at_its_offset(offset: int) -> None:
    table = PositionEmbedding(Learned(offset=offset), max_positions=5, d_model=4)
    assert table.weight.shape == (5 + offset, 4)
    assert torch.equal(table(torch.tensor([0, 4])), table.weight[[offset, offset + 4]])


@pytest.mark.parametrize("kind", [Sinusoidal(), Learned(offset=2)], ids=["sinusoidal", "learned"])
def test_a_position_beyond_the_table_is_an_error(kind: Sinusoidal | Learned) -> None:
    table = PositionEmbedding(kind, max_positions=5, d_model=4)
    with pytest.raises(IndexError):
        table(torch.tensor([5]))


def test_a_table_built_without_memory_is_computed_once_it_has_some() -> None:
    with torch.device("meta"):
        table = PositionEmbedding(Sinusoidal(), max_positions=5, d_model=4)
    table.weight = torch.empty(5, 4)
    table.reset_parameters()
    assert torch.equal(table.weight, sinusoids(5, 4))


EIGHT_UP_TO_20 = RelativeBias(num_buckets=8, max_distance=20)


def test_the_buckets_of_the_past_are_exact_first_and_then_logarithmic() -> None:
    """Of 8 buckets 4 are exact; the others' bounds are 4 * 5^(i/4): 4, 5.98, 8.94, 13.4, 20."""
    expected = [0, 1, 2, 3, 4, 4, 5, 5, 5, 6, 6, 6, 6, 6, 7, 7, 7, 7, 7, 7, 7, 7]
    back = -torch.arange(len(expected))
    assert relative_buckets(back, EIGHT_UP_TO_20, bidirectional=False).tolist() == expected


def test_in_the_decoder_the_future_is_as_the_present() -> None:
    future = torch.tensor([0, 1, 5, 500])
    assert relative_buckets(future, EIGHT_UP_TO_20, bidirectional=False).tolist() == [0, 0, 0, 0]


def test_in_the_encoder_half_of_the_buckets_are_for_what_follows() -> None:
    """Of 4 buckets for a direction 2 are exact; then from 2, and from 2 * 10^(1/2) = 6.3 on."""
    distances = torch.tensor([-21, -7, -6, -2, -1, 0, 1, 2, 6, 7, 21])
    expected = [3, 3, 2, 2, 1, 0, 5, 6, 6, 7, 7]
    assert relative_buckets(distances, EIGHT_UP_TO_20, bidirectional=True).tolist() == expected


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(
    "settings", [(32, 128), (8, 20), (7, 9), (9, 50), (4, 5), (128, 1_000), (33, 129)], ids=str
)
def test_buckets_are_those_of_transformers(
    settings: tuple[int, int], *, bidirectional: bool
) -> None:
    num_buckets, max_distance = settings
    distances = torch.arange(-300, 301)
    config = T5Config(
        num_heads=1,
        relative_attention_num_buckets=num_buckets,
        relative_attention_max_distance=max_distance,
        is_decoder=not bidirectional,
    )
    attention = T5Attention(config, has_relative_attention_bias=True, layer_idx=0)
    with torch.no_grad():  # each bucket's bias is its number
        attention.relative_attention_bias.weight.copy_(torch.arange(num_buckets)[:, None])
        bias = attention.compute_bias(601, 601)
    theirs = bias[0, 0, 300].to(torch.int64)  # of the token in the middle
    kind = RelativeBias(num_buckets=num_buckets, max_distance=max_distance)
    assert torch.equal(relative_buckets(distances, kind, bidirectional=bidirectional), theirs)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_from_the_longest_distance_on_all_share_the_last_bucket(*, bidirectional: bool) -> None:
    kind = RelativeBias(num_buckets=32, max_distance=128)
    far = -torch.tensor([128, 129, 1_000, 1_000_000])
    last = (16 if bidirectional else 32) - 1
    assert relative_buckets(far, kind, bidirectional=bidirectional).tolist() == [last] * 4


@given(
    num_buckets=st.integers(4, 80),
    beyond=st.integers(1, 500),
    bidirectional=st.booleans(),
)
def test_every_distance_has_a_bucket_and_farther_ones_no_lower_one(
    *, num_buckets: int, beyond: int, bidirectional: bool
) -> None:
    kind = RelativeBias(num_buckets=num_buckets, max_distance=num_buckets // 2 + beyond)
    back = relative_buckets(-torch.arange(700), kind, bidirectional=bidirectional)
    assert (back.diff() >= 0).all()
    for distances in (torch.arange(700), -torch.arange(700)):
        buckets = relative_buckets(distances, kind, bidirectional=bidirectional)
        assert buckets.min() >= 0
        assert buckets.max() < num_buckets


def test_a_table_of_biases_has_a_number_for_each_bucket_and_head() -> None:
    table = RelativeBiasTable(EIGHT_UP_TO_20, num_heads=3, bidirectional=True)
    distance = torch.arange(6) - torch.arange(4)[:, None]
    bias = table(distance.expand(2, 4, 6))
    assert table.weight.shape == (8, 3)
    assert bias.shape == (2, 3, 4, 6)
    buckets = relative_buckets(distance, EIGHT_UP_TO_20, bidirectional=True)
    for head in range(3):
        assert torch.equal(bias[1, head], table.weight[:, head][buckets])


@pytest.mark.parametrize(
    "positions", [RelativeBias(), Rotary()], ids=lambda kind: type(kind).__name__
)
def test_texts_beyond_the_longest_are_read_where_positions_are_relative(positions: Any) -> None:
    encoder = Encoder(make_config(positions=positions, max_positions=5))
    memory = encoder(torch.randn(1, 400, 16), torch.arange(400)[None], bias=None)
    assert memory.isfinite().all()


def random_head(length: int, d_head: int, *, seed: int = 0) -> torch.Tensor:
    """Return random numbers, (1, 2, length, d_head), float64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, 2, length, d_head, generator=generator, dtype=torch.float64)


def test_a_rotation_turns_pairs_of_dimensions_by_angles_of_their_own() -> None:
    """Dimensions 0 and 2 rotate by the position's number, 1 and 3 by a hundredth of it."""
    x = torch.tensor([[[[1.0, 0.0, 0.0, 1.0]]]])
    turned = rotate(x, rotation(torch.tensor([[3]]), Rotary(), d_head=4))
    expected = [math.cos(3), -math.sin(0.03), math.sin(3), math.cos(0.03)]
    assert turned[0, 0, 0].tolist() == pytest.approx(expected, abs=1e-6)


def test_the_first_position_is_not_turned() -> None:
    x = random_head(1, 8)
    assert torch.equal(rotate(x, rotation(torch.tensor([[0]]), Rotary(), d_head=8)), x)


@given(query=st.integers(0, 400), key=st.integers(0, 400), shift=st.integers(0, 400))
def test_the_product_of_what_was_turned_depends_on_the_distance_alone(
    query: int, key: int, shift: int
) -> None:
    def product(offset: int) -> torch.Tensor:
        at_query, at_key = (
            rotation(torch.tensor([[position + offset]]), Rotary(base=100.0), d_head=8)
            for position in (query, key)
        )
        asked, offered = random_head(1, 8), random_head(1, 8, seed=1)
        return rotate(asked, at_query) @ rotate(offered, at_key).transpose(-2, -1)

    torch.testing.assert_close(product(0), product(shift), atol=1e-3, rtol=0)


@pytest.mark.parametrize("base", [10_000.0, 50.0])
@pytest.mark.parametrize("d_head", [2, 6, 64])
def test_rotations_are_those_of_transformers(d_head: int, base: float) -> None:
    config: Any = T5GemmaModuleConfig(
        head_dim=d_head, rope_parameters={"rope_type": "default", "rope_theta": base}
    )
    query, key = random_head(300, d_head).float(), random_head(300, d_head, seed=1).float()
    positions = torch.arange(300)[None]
    cosines, sines = T5GemmaRotaryEmbedding(config)(query, positions)
    theirs = apply_rotary_pos_emb(query, key, cosines, sines)
    by = rotation(positions, Rotary(base=base), d_head=d_head)
    torch.testing.assert_close((rotate(query, by), rotate(key, by)), theirs, atol=1e-6, rtol=0)


def test_each_sequence_is_turned_by_its_own_positions() -> None:
    x = random_head(3, 8).expand(2, 2, 3, 8)
    positions = torch.tensor([[0, 1, 2], [7, 8, 9]])
    together = rotate(x, rotation(positions, Rotary(), d_head=8))
    for row in range(2):
        alone = rotate(x[row : row + 1], rotation(positions[row : row + 1], Rotary(), d_head=8))
        assert torch.equal(together[row], alone[0])
