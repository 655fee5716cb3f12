from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model.load import load_model
from model.training.corpus import TrainingError
from model.training.network import Shape, fresh_network
from model.training.translation.export import export_marian
from model.training.translation.form import marian_config
from model.training.translation.start import carry_over
from model.training.translation.vocabulary import train_vocabulary
from model.transformer.seq2seq import Seq2SeqTransformer
from tests.support.checkpoints.translation_training import (
    TINY_RECIPE,
    make_pairs,
    make_trainer,
    make_vocabulary,
)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    network = make_trainer(tmp_path / "run").network
    export_marian(network, make_vocabulary(), tmp_path / "old", dtype=torch.float32)
    return tmp_path / "old"


def fresh(shape: Shape = TINY_RECIPE.shape, *, vocab_size: int = 120) -> Seq2SeqTransformer:
    return fresh_network(marian_config(shape, vocab_size=vocab_size))


@torch.no_grad()
def test_with_one_vocabulary_the_network_goes_on_exactly_as_it_was(checkpoint: Path) -> None:
    network = fresh().eval()
    carry_over(checkpoint, network, vocabulary=make_vocabulary())
    old = load_model(checkpoint, dtype="float32", device="cpu", packs=False).network
    ids = torch.tensor([[117, 10, 20, 30, 0]])
    torch.testing.assert_close(network(ids, ids), old(ids, ids))


def test_a_new_piece_begins_as_the_mean_of_the_pieces_it_replaces(checkpoint: Path) -> None:
    known_texts = [text for pair in make_pairs() for text in (pair.source, pair.target)]
    new_texts = ["The friendly dogs wanted treats.", "Balls, takers, milkmen, breadth."] * 20
    larger = train_vocabulary(iter(known_texts + new_texts), size=130, languages=["de", "en", "fr"])
    network = fresh(vocab_size=len(larger))
    carry_over(checkpoint, network, vocabulary=larger)
    old = load_model(checkpoint, dtype="float32", device="cpu", packs=False)
    table, before = network.embedding.weight, old.network.embedding.weight
    known = make_vocabulary().tokens
    new = [token for token in larger.tokens if token not in known and token.startswith("▁")]
    assert new
    for token in new:
        pieces = old.tokenizer.encode(token[1:])
        expected = before[pieces].mean(dim=0)
        torch.testing.assert_close(table[larger.tokens.index(token)], expected)
    milk = next(token for token in larger.tokens if token in known)
    torch.testing.assert_close(
        table[larger.tokens.index(milk)], before[known.index(milk)], rtol=0, atol=0
    )


def test_a_checkpoint_of_another_shape_is_refused_by_the_tensor_that_differs(
    checkpoint: Path,
) -> None:
    other = fresh(Shape(d_model=64, d_ff=48, num_heads=2, encoder_layers=2, decoder_layers=1))
    with pytest.raises(TrainingError, match=r"embedding\.weight is \(120, 32\), not \(120, 64\)"):
        carry_over(checkpoint, other, vocabulary=make_vocabulary())


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        pytest.param({"encoder_layers": 3}, "its encoder is .*num_layers=2.*=3", id="fewer layers"),
        pytest.param({"encoder_layers": 1}, "its encoder is .*num_layers=2.*=1", id="more layers"),
        pytest.param({"num_heads": 4}, "its encoder is .*num_heads=2.*=4", id="heads"),
    ],
)
def test_a_checkpoint_of_other_layers_or_heads_is_refused(
    checkpoint: Path, shape: dict[str, int], message: str
) -> None:
    other = fresh(replace(TINY_RECIPE.shape, **shape))
    with pytest.raises(TrainingError, match=message):
        carry_over(checkpoint, other, vocabulary=make_vocabulary())
