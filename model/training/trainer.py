"""The training loop: batches in, weights out, resumable after every saved step."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from model.training.batching import Batch, Example, collate
from model.training.decks import Deck
from model.training.loss import smoothed_cross_entropy
from model.training.optimizer import OptimizerSettings, Schedule, build_optimizers
from model.training.state import Learner, Position, load_state, save_state
from model.transformer.seq2seq import Seq2SeqTransformer


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """When the training ends: after a number of steps, or after a time. One of the two."""

    max_steps: int | None = None
    max_minutes: float | None = None

    def __post_init__(self) -> None:
        if (self.max_steps is None) == (self.max_minutes is None):
            raise ValueError("give either max_steps or max_minutes")

    def progress(self, position: Position) -> float:
        """Return the finished part of the training, 0 to 1."""
        if self.max_steps is not None:
            return min(1.0, position.step / self.max_steps)
        return min(1.0, position.elapsed_s / 60 / self.max_minutes) if self.max_minutes else 1.0


class Curriculum(Protocol):
    """The examples of a training over its progress."""

    @property
    def decks(self) -> Mapping[str, Deck[Any]]:
        """The decks that rounds are drawn from; the trainer saves how far each is dealt."""

    def round(self, progress: float, *, rng: random.Random) -> list[list[Example]]:
        """Return the batches of the next few hundred steps, drawn from the decks.

        Args:
            progress: The finished part of the training, 0 to 1.
            rng: The only source of random numbers besides the decks.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerSettings:
    """Settings of the training; its data are the curriculum's."""

    budget: Budget
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    label_smoothing: float = 0.1
    averaged_part: float = 0.1  # the last part of the training, over which weights are averaged
    average_steps: int = 10  # between two weights that go into the average
    autocast: bool = True  # bf16 matrix products, float32 weights
    seed: int = 1
    save_minutes: float = 5.0
    report_minutes: float = 5.0


@dataclass(frozen=True, slots=True)
class StepReport:
    """The result of one step."""

    loss: float  # per target token, smoothed
    lr_factor: float
    tokens: int  # source and target tokens of its batch
    progress: float


@dataclass(frozen=True, slots=True)
class SpecialIds:
    """The special ids that the trainer adds."""

    start: int  # the decoder's start token
    pad: int


class Trainer:
    """Trains a network by a curriculum and keeps its state in a folder."""

    def __init__(
        self,
        network: Seq2SeqTransformer,
        curriculum: Curriculum,
        settings: TrainerSettings,
        *,
        special: SpecialIds,
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare the first step.

        Args:
            network: Trained in place, on its device.
            curriculum: The data.
            settings: The settings.
            special: The special ids that the trainer adds.
            folder: The folder of the state.
            clock: Returns seconds; only differences count.
        """
        self.network = network
        self.settings = settings
        self.position = Position()
        self.special = special
        self._curriculum = curriculum
        self._folder = folder
        self._clock = clock
        self._device = next(network.parameters()).device
        optimizers = build_optimizers(network, settings.optimizer)
        self._learner = Learner(network, AveragedModel(network), optimizers)
        self._schedule = Schedule(optimizers, warmup_steps=settings.optimizer.warmup_steps)
        torch.manual_seed(settings.seed)

    @property
    def average(self) -> AveragedModel:
        """The mean of the weights over the last part of the training, once that has begun."""
        return self._learner.average

    def resume(self) -> None:
        """Load the saved state and continue from it."""
        self.position = load_state(self._folder, learner=self._learner)
        for name, dealt in self.position.dealt.items():
            self._curriculum.decks[name].dealt = dealt

    def save(self) -> None:
        """Save the state; `resume` then continues as if there had been no interruption."""
        save_state(self._folder, self.position, learner=self._learner)

    def steps(self) -> Iterator[StepReport]:
        """Train to the end of the budget; yield a report after each step, save at intervals."""
        last = saved = self._clock()
        self.network.train()
        for batch in self._batches():
            progress = self.progress
            if progress >= 1.0:
                break
            report = self._step(batch, progress)
            self._maybe_average(progress)
            now = self._clock()
            self.position.elapsed_s += now - last
            last = now
            if now - saved > self.settings.save_minutes * 60:
                self.save()
                saved = now
            yield report
        self.save()

    @property
    def progress(self) -> float:
        """The finished part of the training, 0 to 1."""
        return self.settings.budget.progress(self.position)

    def _batches(self) -> Iterator[Batch]:
        place = self.position
        while True:
            if place.batch == 0:
                place.round_progress = self.progress
                place.dealt = {name: deck.dealt for name, deck in self._curriculum.decks.items()}
            # a round depends on the saved state alone, so that a resumed training continues in it
            rng = random.Random(f"{self.settings.seed}-{place.round}")
            batches = self._curriculum.round(place.round_progress, rng=rng)
            if not batches:
                raise ValueError("there is nothing to train on")
            for examples in batches[place.batch :]:
                place.batch += 1
                yield self.collate(examples).to(self._device)
            place.round += 1
            place.batch = 0

    def collate(self, examples: Sequence[Example]) -> Batch:
        """Return the tensors of some examples, on the CPU."""
        return collate(examples, start_id=self.special.start, pad_id=self.special.pad)

    def _maybe_average(self, progress: float) -> None:
        due = self.position.step % self.settings.average_steps == 0
        if due and progress >= 1.0 - self.settings.averaged_part:
            self.average.update_parameters(self.network)
            self.position.num_averaged += 1

    def _step(self, batch: Batch, progress: float) -> StepReport:
        factor = self._schedule.set(self.position.step, progress=progress)
        loss = self.loss(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(
            self.network.parameters(), self.settings.optimizer.max_gradient_norm
        )
        for optimizer in self._learner.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.position.step += 1
        self.position.tokens += batch.num_tokens
        return StepReport(loss.item(), factor, batch.num_tokens, progress)

    def loss(self, batch: Batch, *, smoothing: float | None = None) -> Tensor:
        """Return the loss per target token of a batch; smoothing None is that of the training."""
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self.settings.autocast):
            hidden = self.network.decode_hidden(
                batch.encoder_ids, batch.decoder_ids, encoder_mask=batch.encoder_mask
            )
            logits = self.network.logits(hidden[batch.label_mask])  # not the padding
        labels = batch.labels[batch.label_mask]
        rate = self.settings.label_smoothing if smoothing is None else smoothing
        return smoothed_cross_entropy(logits, labels, smoothing=rate) / len(labels)

    def validation_loss(self, batches: Sequence[Batch]) -> float:
        """Return the cross-entropy per target token of the latest weights, without dropout."""
        self.network.eval()
        total = 0.0
        with torch.no_grad():
            for batch in batches:
                loss = self.loss(batch.to(self._device), smoothing=0.0)
                total += loss.item() * int(batch.label_mask.sum())
        self.network.train()
        return total / sum(int(batch.label_mask.sum()) for batch in batches)
