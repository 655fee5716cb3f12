"""The command line: `python -m model.training translate --data DIR --output DIR`."""

import logging
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from model.training.translate import RECIPE, TranslationData, build_trainer, validation_batches
from model.training.trainer import Budget, SpecialIds, Trainer, TrainerSettings

logger = logging.getLogger("model.training")
app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def main() -> None:
    """Train the models that ship with the project, or one's own."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")


@app.command()
def translate(
    data: Annotated[Path, typer.Option(help="Folder of the *.tsv.gz files.")],
    output: Annotated[Path, typer.Option(help="Folder of this run: its state and vocabulary.")],
    *,
    max_minutes: Annotated[float, typer.Option(help="Length of the whole training.")] = 90.0,
    resume: Annotated[bool, typer.Option(help="Go on with the state in --output.")] = False,
) -> None:
    """Train the translator."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    text = TranslationData(RECIPE, data)
    vocabulary = text.vocabulary(output / "vocabulary")
    pools = text.pools(vocabulary, "train")
    special = SpecialIds(eos=vocabulary.eos_id, pad=vocabulary.pad_id)
    settings = TrainerSettings(budget=Budget(max_minutes=max_minutes), mixture=RECIPE.mixture)
    trainer = build_trainer(
        RECIPE, settings, vocabulary=vocabulary, pools=pools, folder=output, device=device
    )
    logger.info(
        "%d parameters, %d pairs, on %s",
        trainer.network.num_parameters,
        sum(map(len, pools)),
        device,
    )
    if resume:
        trainer.resume()
    valid = validation_batches(text.pools(vocabulary, "valid")[0], RECIPE, special=special)
    _train(trainer, [batch.to(device) for batch in valid])


def _train(trainer: Trainer, valid: list) -> None:
    columns = (
        TextColumn("step {task.fields[step]}"),
        BarColumn(),
        TextColumn("{task.percentage:>4.1f}% loss {task.fields[loss]:.3f}"),
        TextColumn("{task.fields[rate]:,.0f} tokens/s"),
        TimeElapsedColumn(),
    )
    reported = trainer.position.elapsed_s
    tokens = trainer.position.tokens
    loss = 0.0
    with Progress(*columns) as bar:
        task = bar.add_task("training", total=1.0, step=0, loss=0.0, rate=0.0)
        for report in trainer.steps():
            position = trainer.position
            loss = report.loss if loss == 0.0 else 0.98 * loss + 0.02 * report.loss
            since = position.elapsed_s - reported
            rate = (position.tokens - tokens) / since if since else 0.0
            bar.update(task, completed=report.progress, step=position.step, loss=loss, rate=rate)
            if since > trainer.settings.report_minutes * 60:
                logger.info(
                    "step %d epoch %d %.1fM tokens %.0f tokens/s lr %.2f loss %.3f valid %.4f",
                    position.step, position.epoch, position.tokens / 1e6, rate,
                    report.lr_factor, loss, trainer.validation_loss(valid),
                )
                reported, tokens = position.elapsed_s, position.tokens
    logger.info("finished: step %d valid %.4f", trainer.position.step, trainer.validation_loss(valid))


if __name__ == "__main__":
    app()
