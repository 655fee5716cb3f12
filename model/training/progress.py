"""Progress bar and log of a training."""

import logging
from collections.abc import Sequence

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from model.training.batching import Batch
from model.training.trainer import StepReport, Trainer

logger = logging.getLogger("model.training")

_SMOOTHING = 0.98


class _Meter:
    """Running loss, and the speed since the last report."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self.loss: float | None = None
        self.restart()

    def restart(self) -> None:
        self._tokens = self._trainer.position.tokens
        self._elapsed_s = self._trainer.position.elapsed_s

    @property
    def seconds(self) -> float:
        return self._trainer.position.elapsed_s - self._elapsed_s

    @property
    def tokens_per_s(self) -> float:
        tokens = self._trainer.position.tokens - self._tokens
        return tokens / self.seconds if self.seconds > 0 else 0.0

    def add(self, loss: float) -> float:
        before = loss if self.loss is None else self.loss
        self.loss = _SMOOTHING * before + (1 - _SMOOTHING) * loss
        return self.loss


def train_with_progress(trainer: Trainer, valid: Sequence[Batch]) -> None:
    """Train to the end of the budget, with a bar, and log a validation loss every few minutes.

    Args:
        trainer: Fresh, or resumed.
        valid: Batches for the validation loss.
    """
    columns = (
        TextColumn("step {task.fields[step]}"),
        BarColumn(),
        TextColumn("{task.percentage:>5.1f}%  loss {task.fields[loss]:.3f}"),
        TextColumn("lr x {task.fields[lr]:.2f}  {task.fields[rate]:,.0f} tokens/s"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    meter = _Meter(trainer)
    with Progress(*columns) as bar:
        task = bar.add_task("", total=1.0, step=0, loss=0.0, lr=0.0, rate=0.0, left="")
        for report in trainer.steps():
            loss = meter.add(report.loss)
            bar.update(
                task,
                completed=report.progress,
                step=trainer.position.step,
                loss=loss,
                lr=report.lr_factor,
                rate=meter.tokens_per_s,
                left=_time_left(trainer, report),
            )
            if meter.seconds > trainer.settings.report_minutes * 60:
                _log(trainer, meter, valid)
                meter.restart()
    _log(trainer, meter, valid)


def _time_left(trainer: Trainer, report: StepReport) -> str:
    if report.progress == 0.0:
        return ""
    left_s = trainer.position.elapsed_s * (1 / report.progress - 1)
    return f"{left_s / 60:.0f} min left"


def _log(trainer: Trainer, meter: _Meter, valid: Sequence[Batch]) -> None:
    logger.info(
        "step %d, round %d: %.1fM tokens, %.0f tokens/s, training loss %.3f, validation loss %.4f",
        trainer.position.step,
        trainer.position.round + 1,
        trainer.position.tokens / 1e6,
        meter.tokens_per_s,
        meter.loss or 0.0,
        trainer.validation_loss(valid),
    )
