"""The whole network: padding, batches, tied tables."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from model.config import Norm, Sinusoidal
from model.transformer.seq2seq import Seq2SeqTransformer
from tests.support.engine.factories import VOCAB_SIZE, make_config, make_network

POST_NORM: dict[str, Any] = {
    "norm": Norm(placement="post"),
    "final_norm": False,
    "positions": Sinusoidal(),
}
SHAPES = [
    pytest.param({}, id="pre-norm, untied, learned positions"),
    pytest.param({**POST_NORM, "tied_output": True}, id="post-norm, tied, sinusoids"),
    pytest.param(
        {"shared_embeddings": False, "decoder_vocab_size": VOCAB_SIZE + 7}, id="two vocabularies"
    ),
]


def network_of(**changes: Any) -> Seq2SeqTransformer:
    return make_network(config=make_config(**changes), dtype=torch.float64)


def random_ids(batch: int, length: int, *, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(1, VOCAB_SIZE, (batch, length), generator=generator)


@pytest.mark.parametrize("changes", SHAPES)
def test_there_is_a_logit_for_each_target_token_of_the_vocabulary(changes: dict[str, Any]) -> None:
    network = network_of(**changes)
    logits = network(random_ids(3, 5), random_ids(3, 4))
    assert logits.shape == (3, 4, network.config.target_vocab_size)
    assert logits.isfinite().all()


@pytest.mark.parametrize("changes", SHAPES)
def test_padding_of_the_source_changes_nothing(changes: dict[str, Any]) -> None:
    network = network_of(**changes)
    source, target = random_ids(2, 5), random_ids(2, 4, seed=1)
    padded = torch.cat([source, random_ids(2, 6, seed=2)], dim=1)
    mask = torch.arange(11).expand(2, -1) < 5
    torch.testing.assert_close(network(padded, target, encoder_mask=mask), network(source, target))


@pytest.mark.parametrize("changes", SHAPES)
def test_padding_of_the_target_changes_nothing_before_it(changes: dict[str, Any]) -> None:
    network = network_of(**changes)
    source, target = random_ids(2, 5), random_ids(2, 4, seed=1)
    padded = torch.cat([target, random_ids(2, 6, seed=2)], dim=1)
    torch.testing.assert_close(network(source, padded)[:, :4], network(source, target))


@pytest.mark.parametrize("changes", SHAPES)
@given(lengths=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=5))
def test_a_sequence_is_computed_in_a_batch_as_it_is_alone(
    changes: dict[str, Any], lengths: list[tuple[int, int]]
) -> None:
    network = network_of(**changes)
    source, target = random_ids(len(lengths), 9), random_ids(len(lengths), 9, seed=1)
    mask = torch.arange(9) < torch.tensor([num_source for num_source, _ in lengths])[:, None]
    together = network(source, target, encoder_mask=mask)
    for row, (num_source, num_target) in enumerate(lengths):
        alone = network(source[row : row + 1, :num_source], target[row : row + 1, :num_target])
        torch.testing.assert_close(together[row, :num_target], alone[0])


def test_a_mask_without_padding_is_as_no_mask() -> None:
    network = network_of()
    source, target = random_ids(2, 5), random_ids(2, 4)
    mask = torch.ones(2, 5, dtype=torch.bool)
    torch.testing.assert_close(network(source, target, encoder_mask=mask), network(source, target))


def test_the_order_of_the_source_matters() -> None:
    network = network_of()
    source, target = torch.tensor([[1, 2, 3]]), random_ids(1, 4)
    assert not torch.allclose(network(source, target), network(source.flip(1), target))


def test_a_tied_output_is_the_target_embedding_itself() -> None:
    network = Seq2SeqTransformer(make_config(tied_output=True))
    assert network.output is None
    assert network.output_weight is network.target_embedding.weight
    assert network.target_embedding is network.embedding


def test_separate_tables_are_tied_on_the_target_side() -> None:
    network = Seq2SeqTransformer(
        make_config(tied_output=True, shared_embeddings=False, decoder_vocab_size=31)
    )
    assert network.embedding.weight.shape == (VOCAB_SIZE, 16)
    assert network.output_weight.shape == (31, 16)
    assert network.output_weight is network.target_embedding.weight


def test_the_output_bias_is_added_to_the_logits() -> None:
    network = network_of()
    assert network.output_bias is not None
    before = network(random_ids(1, 3), random_ids(1, 2))
    network.output_bias[5] += 1.0
    difference = network(random_ids(1, 3), random_ids(1, 2)) - before
    assert difference[..., 5].tolist() == [[pytest.approx(1.0), pytest.approx(1.0)]]
    assert difference.abs().sum().item() == pytest.approx(2.0)


def test_each_parameter_is_counted_once() -> None:
    """There are two more tables, 16 wide, if neither the two sides nor the output share one."""
    tied = Seq2SeqTransformer(make_config(tied_output=True))
    untied = Seq2SeqTransformer(make_config(tied_output=False, shared_embeddings=False))
    assert tied.num_parameters == sum(p.numel() for p in tied.parameters())
    assert untied.num_parameters - tied.num_parameters == 2 * 16 * VOCAB_SIZE


def test_positions_beyond_the_longest_are_an_error() -> None:
    network = network_of(max_positions=4, positions=Sinusoidal())
    with pytest.raises(IndexError):
        network(random_ids(1, 5), random_ids(1, 2))
