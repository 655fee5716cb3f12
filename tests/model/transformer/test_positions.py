"""The two kinds of positions."""

import numpy as np
import pytest
import torch
from transformers.models.marian.modeling_marian import MarianSinusoidalPositionalEmbedding

from model.config import Learned, Sinusoidal
from model.transformer.positions import PositionEmbedding, sinusoids

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
    """In float32 throughout, the angle of position 5,000 would be off by about 2e-4."""
    expected = np.sin(5_000 / 10_000 ** (2 / 64))
    assert sinusoids(5_001, 64)[5_000, 1].item() == pytest.approx(expected, abs=6e-8)


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


def test_a_position_beyond_the_table_is_an_error() -> None:
    table = PositionEmbedding(Sinusoidal(), max_positions=5, d_model=4)
    with pytest.raises(IndexError):
        table(torch.tensor([5]))


def test_a_table_built_without_memory_is_computed_once_it_has_some() -> None:
    with torch.device("meta"):
        table = PositionEmbedding(Sinusoidal(), max_positions=5, d_model=4)
    table.weight = torch.empty(5, 4)
    table.reset_parameters()
    assert torch.equal(table.weight, sinusoids(5, 4))
