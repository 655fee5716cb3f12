"""`python -m model.training summarizer ...`."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from model.load import load_model
from model.training.device import best_device, describe
from model.training.options import (
    CheckpointOption,
    DataOption,
    HardwareOption,
    MinutesOption,
    ResumeOption,
    RunOption,
    check_output,
)
from model.training.progress import train_with_progress
from model.training.summarization.evaluation import SCORE_HEADER, Score, score_row
from model.training.summarization.publish import (
    compare_decodings,
    export_run,
    score_all,
    write_card,
)
from model.training.summarization.recipe import (
    RECIPE,
    build_curriculum,
    build_trainer,
    prepare_vocabulary,
    validation_examples,
)
from model.training.summarization.vocabulary import rewrite_tokenizer
from model.training.trainer import Budget, TrainerSettings

logger = logging.getLogger("model.training")
app = typer.Typer(no_args_is_help=True)

LinesOption = Annotated[int | None, typer.Option(min=1, help="Of each file; all if not given.")]


@app.command()
def train(
    data: DataOption,
    output: RunOption,
    *,
    max_minutes: MinutesOption = 110.0,
    resume: ResumeOption = False,
) -> None:
    """Train the summarizer; write its checkpoint and card to OUTPUT/checkpoint."""
    check_output(output, resume=resume)
    device = best_device()
    vocabulary = prepare_vocabulary(RECIPE, data, output / "vocabulary")
    curriculum = build_curriculum(RECIPE, data, vocabulary)
    trainer = build_trainer(
        RECIPE,
        TrainerSettings(budget=Budget(max_minutes=max_minutes)),
        curriculum=curriculum,
        vocabulary=vocabulary,
        folder=output,
        device=device,
    )
    if resume:
        trainer.resume()
    num_parameters = trainer.network.num_parameters
    logger.info(
        "%d parameters, %d pairs, %s", num_parameters, curriculum.num_pairs, describe(device)
    )
    valid = validation_examples(RECIPE, data, vocabulary)
    train_with_progress(trainer, [trainer.collate(examples) for examples in valid])
    export(output, output / "checkpoint", data=data, hardware=describe(device))


@app.command()
def export(
    run: RunOption,
    checkpoint: CheckpointOption,
    *,
    data: Annotated[Path | None, typer.Option(help="Measure on it and write the card.")] = None,
    max_lines: LinesOption = None,
    hardware: HardwareOption = "",
) -> None:
    """Write the latest weights of a training as a checkpoint."""
    position = export_run(RECIPE, run, checkpoint, hardware=hardware or describe(best_device()))
    logger.info("wrote %s after %d steps", checkpoint, position.step)
    if data is not None:
        scores = _show(score_all(load_model(checkpoint), RECIPE, data, max_lines=max_lines))
        write_card(RECIPE, checkpoint, scores=scores)


@app.command()
def evaluate(data: DataOption, checkpoint: CheckpointOption, max_lines: LinesOption = None) -> None:
    """Measure a checkpoint on the validation files, beside first sentences and references."""
    _show(score_all(load_model(checkpoint), RECIPE, data, max_lines=max_lines))


@app.command()
def decodings(
    data: DataOption,
    checkpoint: CheckpointOption,
    max_lines: Annotated[int, typer.Option(min=1, help="Of each file.")] = 100,
) -> None:
    """Compare ways to search, on pairs held back from training; the recipe's is the default."""
    _show(compare_decodings(load_model(checkpoint), RECIPE, data, max_lines=max_lines))


@app.command()
def lookalikes(checkpoint: CheckpointOption) -> None:
    """Let the tokenizer of a checkpoint read look-alikes as what its vocabulary has."""
    rewrite_tokenizer(checkpoint)


def _show(scores: Iterable[Score]) -> list[Score]:
    """Print a Markdown table, each row as soon as it is measured; return the scores."""
    typer.echo(SCORE_HEADER)
    shown: list[Score] = []
    for score in scores:
        typer.echo(score_row(score))
        shown.append(score)
    return shown
