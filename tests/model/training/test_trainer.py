import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model.training.batching import cut_into_batches
from model.training.corpus import TrainingError
from model.training.state import Position, load_weights
from model.training.trainer import Budget, Trainer, TrainerSettings
from model.training.translation.curriculum import Mixture
from tests.support.checkpoints.translation_training import (
    make_curriculum,
    make_examples,
    make_trainer,
)


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in trainer.network.named_parameters()}


def test_fifty_steps_on_a_hundred_lines_halve_the_validation_loss(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, max_steps=50)
    batches = cut_into_batches(make_examples(), max_tokens=512, rng=random.Random(0))
    valid = [trainer.collate(examples) for examples in batches]
    before = trainer.validation_loss(valid)
    assert len(list(trainer.steps())) == 50
    assert trainer.validation_loss(valid) < before / 2


def test_a_resumed_training_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    """It is resumed across the end of a round, with dropout: order, optimizers and random state."""
    whole = make_trainer(tmp_path / "whole", max_steps=40)
    list(whole.steps())
    assert whole.position.round > 0

    interrupted = make_trainer(tmp_path / "parts", max_steps=40)
    for _ in zip(range(7), interrupted.steps(), strict=False):
        interrupted.save()
    torch.manual_seed(99)
    resumed = make_trainer(tmp_path / "parts", max_steps=40)
    resumed.resume()
    assert resumed.position.step == 7
    list(resumed.steps())

    assert resumed.position.tokens == whole.position.tokens
    for name, expected in weights(whole).items():
        torch.testing.assert_close(weights(resumed)[name], expected, rtol=0, atol=0)


def test_a_training_bound_by_time_ends_on_time_with_a_learning_rate_near_zero(
    tmp_path: Path,
) -> None:
    """The clock advances 6 seconds per step: twenty steps in two minutes."""
    ticks = iter(range(0, 10_000, 6))
    settings = TrainerSettings(budget=Budget(max_minutes=2.0), autocast=False)
    source = make_trainer(tmp_path)
    trainer = Trainer(
        source.network,
        make_curriculum(),
        settings,
        special=source.special,
        folder=tmp_path,
        clock=lambda: float(next(ticks)),
    )
    reports = list(trainer.steps())
    assert len(reports) == 20
    assert trainer.position.elapsed_s == 120.0
    assert reports[-1].progress == pytest.approx(0.95)


def test_the_loss_does_not_see_padding(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    trainer.network.eval()
    examples = sorted(make_examples(), key=lambda x: x.length)
    short, long = (trainer.collate([x]) for x in (examples[0], examples[-1]))
    both = trainer.collate([examples[0], examples[-1]])
    sizes = [int(batch.label_mask.sum()) for batch in (short, long)]
    apart = trainer.loss(short) * sizes[0] + trainer.loss(long) * sizes[1]
    torch.testing.assert_close(trainer.loss(both) * sum(sizes), apart, rtol=1e-4, atol=1e-4)


def test_mixed_precision_training_learns_too(tmp_path: Path) -> None:
    source = make_trainer(tmp_path)
    trainer = Trainer(
        source.network,
        make_curriculum(Mixture(max_batch_tokens=256)),
        replace(source.settings, budget=Budget(max_steps=30), autocast=True),
        special=source.special,
        folder=tmp_path,
    )
    losses = [report.loss for report in trainer.steps()]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    assert {p.dtype for p in trainer.network.parameters()} == {torch.float32}


def test_resuming_nothing_says_where_the_state_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"training\.pt does not exist"):
        make_trainer(tmp_path).resume()


def test_a_budget_is_steps_or_minutes_and_not_both() -> None:
    with pytest.raises(ValueError, match="either max_steps or max_minutes"):
        Budget(max_steps=1, max_minutes=1.0)
    with pytest.raises(ValueError, match="either max_steps or max_minutes"):
        Budget()


def test_progress_follows_the_steps_or_the_minutes() -> None:
    position = Position(step=5, elapsed_s=90.0)
    assert Budget(max_steps=20).progress(position) == 0.25
    assert Budget(max_minutes=2.0).progress(position) == 0.75
    assert Budget(max_steps=2).progress(position) == 1.0


def test_the_weights_of_the_last_part_are_averaged_and_are_those_to_use(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, max_steps=100)
    seen = [weights(trainer) for report in trainer.steps() if report.progress >= 0.9]
    due = [seen[-10], seen[-1]] if len(seen) > 10 else [seen[-1]]
    assert trainer.average.n_averaged.item() == len(due)
    assert load_weights(tmp_path, trainer.network).num_averaged == len(due)
    for name, found in weights(trainer).items():
        torch.testing.assert_close(found, torch.stack([x[name] for x in due]).mean(dim=0))
