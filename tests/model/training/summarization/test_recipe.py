from itertools import chain
from pathlib import Path

import pytest
import torch

from model.training.corpus import TrainingError
from model.training.summarization.form import bart_config, fresh_bart
from model.training.summarization.recipe import (
    build_curriculum,
    prepare_vocabulary,
    validation_examples,
)
from model.transformer.positions import sinusoids
from tests.support.checkpoints.summarization_training import (
    TINY_RECIPE,
    make_trainer,
    make_vocabulary,
    write_corpus,
)


def test_fifty_steps_on_a_hundred_lines_halve_the_validation_loss(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    trainer = make_trainer(tmp_path, max_steps=50)
    examples = validation_examples(TINY_RECIPE, tmp_path, make_vocabulary())
    valid = [trainer.collate(batch) for batch in examples]
    before = trainer.validation_loss(valid)
    assert len(list(trainer.steps())) == 50
    assert trainer.validation_loss(valid) < before / 2


def test_a_resumed_training_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    """It is stopped while the share of denoising changes, and resumed across the end of a round."""
    whole = make_trainer(tmp_path / "whole", max_steps=40)
    list(whole.steps())
    assert whole.position.round > 0

    interrupted = make_trainer(tmp_path / "parts", max_steps=40)
    for _ in zip(range(15), interrupted.steps(), strict=False):
        interrupted.save()
    resumed = make_trainer(tmp_path / "parts", max_steps=40)
    resumed.resume()
    list(resumed.steps())

    expected = dict(whole.network.named_parameters())
    for name, parameter in resumed.network.named_parameters():
        torch.testing.assert_close(parameter, expected[name], rtol=0, atol=0)


def test_no_dev_line_is_trained_on(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    for file in TINY_RECIPE.files:
        train, dev, valid = (file.read(tmp_path, part) for part in ("train", "dev", "valid"))
        assert (len(train), len(dev), len(valid)) == (90, 10, 10)
        assert not {pair.source for pair in train} & {pair.source for pair in dev}


def test_more_dev_lines_than_a_file_has_are_refused(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    file = TINY_RECIPE.files[0]
    path = tmp_path / f"{file.name}.train.tsv.gz"
    path.write_bytes((tmp_path / f"{file.name}.valid.tsv.gz").read_bytes())
    with pytest.raises(TrainingError, match=r"toy-title.train.tsv.gz has 10 pairs, of which 10"):
        file.read(tmp_path, "train")


def test_an_epoch_has_the_pairs_of_a_file_as_often_as_it_repeats(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    vocabulary = prepare_vocabulary(TINY_RECIPE, tmp_path, tmp_path / "vocabulary")
    assert build_curriculum(TINY_RECIPE, tmp_path, vocabulary).num_pairs == 90 + 2 * 90
    valid = validation_examples(TINY_RECIPE, tmp_path, vocabulary)
    assert len(list(chain.from_iterable(valid))) == 20


def test_learned_positions_start_as_small_sinusoids() -> None:
    network = fresh_bart(bart_config(TINY_RECIPE.shape, vocab_size=100))
    positions = network.encoder.positions
    assert positions is not None
    weight = positions.weight
    torch.testing.assert_close(weight, sinusoids(514, 32) / 32**0.5)
    assert weight.requires_grad
