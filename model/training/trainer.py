"""The training loop: batches in, weights out, resumable after every saved step."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from model.training.batching import Batch, Example, Mixture, collate, epoch_batches
from model.training.loss import smoothed_cross_entropy
from model.training.optimizer import OptimizerSettings, Schedule, build_optimizers
from model.training.state import Position, load_state, save_state
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
        """The part of the training that is over, 0 to 1."""
        if self.max_steps is not None:
            return min(1.0, position.step / self.max_steps)
        return min(1.0, position.elapsed_s / 60 / self.max_minutes) if self.max_minutes else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerSettings:
    """How to train; what to train on is the mixture's matter."""

    budget: Budget
    mixture: Mixture
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    label_smoothing: float = 0.1
    autocast: bool = True  # bf16 matrix products, float32 weights
    seed: int = 1
    save_minutes: float = 5.0
    report_minutes: float = 5.0


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one step did."""

    loss: float  # per target token, smoothed
    lr_factor: float
    tokens: int  # source and target tokens of its batch
    progress: float


@dataclass(frozen=True, slots=True)
class SpecialIds:
    """The ids that frame a text."""

    eos: int
    pad: int


class Trainer:
    """Trains a network on pools of examples and keeps its state in a folder."""

    def __init__(
        self,
        network: Seq2SeqTransformer,
        pools: Sequence[Sequence[Example]],
        settings: TrainerSettings,
        *,
        special: SpecialIds,
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare the first step.

        Args:
            network: To be trained in place, on its device.
            pools: Examples; each epoch draws a share of each pool.
            settings: How to train.
            special: The ids that frame a text.
            folder: Where the state is kept.
            clock: Seconds; only differences count.
        """
        self.network = network
        self.settings = settings
        self.position = Position()
        self._pools = pools
        self.special = special
        self._folder = folder
        self._clock = clock
        self._device = next(network.parameters()).device
        self._optimizers = build_optimizers(network, settings.optimizer)
        self._schedule = Schedule(self._optimizers, warmup_steps=settings.optimizer.warmup_steps)
        torch.manual_seed(settings.seed)

    def resume(self) -> None:
        """Go on where the saved state stands."""
        self.position = load_state(self._folder, network=self.network, optimizers=self._optimizers)

    def save(self) -> None:
        """Keep the state, so that `resume` gives the same training as no interruption."""
        save_state(self._folder, self.position, network=self.network, optimizers=self._optimizers)

    def steps(self) -> Iterator[StepReport]:
        """Train until the budget is spent, a report after each step; saves now and then."""
        last = saved = self._clock()
        self.network.train()
        for batch in self._batches():
            progress = self.settings.budget.progress(self.position)
            if progress >= 1.0:
                break
            report = self._step(batch, progress)
            now = self._clock()
            self.position.elapsed_s += now - last
            last = now
            if now - saved > self.settings.save_minutes * 60:
                self.save()
                saved = now
            yield report
        self.save()

    def _batches(self) -> Iterator[Batch]:
        while True:
            # the order of an epoch depends on its number alone: a resumed one continues in it
            rng = random.Random(f"{self.settings.seed}-{self.position.epoch}")
            batches = epoch_batches(self._pools, self.settings.mixture, rng=rng)
            if not batches:
                raise ValueError("there is nothing to train on")
            for examples in batches[self.position.batch :]:
                self.position.batch += 1
                batch = collate(examples, eos_id=self.special.eos, pad_id=self.special.pad)
                yield batch.to(self._device)
            self.position.epoch += 1
            self.position.batch = 0

    def _step(self, batch: Batch, progress: float) -> StepReport:
        factor = self._schedule.set(self.position.step, progress=progress)
        loss = self.loss(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(
            self.network.parameters(), self.settings.optimizer.max_gradient_norm
        )
        for optimizer in self._optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.position.step += 1
        self.position.tokens += batch.num_tokens
        return StepReport(loss.item(), factor, batch.num_tokens, progress)

    def loss(self, batch: Batch, *, smoothing: float | None = None) -> Tensor:
        """The loss per target token of one batch, label smoothing as in training if not given."""
        # the fused attention kernels lose to plain products at a dozen tokens, above all backwards
        with (
            sdpa_kernel(SDPBackend.MATH),
            torch.autocast(self._device.type, torch.bfloat16, enabled=self.settings.autocast),
        ):
            hidden = self.network.decode_hidden(
                batch.encoder_ids, batch.decoder_ids, encoder_mask=batch.encoder_mask
            )
            logits = self.network.logits(hidden[batch.label_mask])  # not the padding
        labels = batch.labels[batch.label_mask]
        rate = self.settings.label_smoothing if smoothing is None else smoothing
        return smoothed_cross_entropy(logits, labels, smoothing=rate) / len(labels)

    def validation_loss(self, batches: Sequence[Batch]) -> float:
        """Unsmoothed cross-entropy per target token, without dropout."""
        self.network.eval()
        total = 0.0
        with torch.no_grad():
            for batch in batches:
                loss = self.loss(batch.to(self._device), smoothing=0.0)
                total += loss.item() * int(batch.label_mask.sum())
        self.network.train()
        return total / sum(int(batch.label_mask.sum()) for batch in batches)
