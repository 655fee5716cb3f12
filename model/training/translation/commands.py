"""`python -m model.training translator ...`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from model.load import load_model
from model.training.device import best_device, describe
from model.training.history import has_stages, read_stages, write_stages
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
from model.training.trainer import Budget, TrainerSettings
from model.training.translation.calibration import calibrate as measure_confidence
from model.training.translation.calibration import write_calibration
from model.training.translation.evaluation import Score
from model.training.translation.export import rewrite_tokenizer
from model.training.translation.publish import export_run, score_all, write_card
from model.training.translation.recipe import (
    RECIPE,
    build_curriculum,
    build_trainer,
    prepare_vocabulary,
    validation_examples,
)
from model.training.translation.start import carry_over

logger = logging.getLogger("model.training")
app = typer.Typer(no_args_is_help=True)

StartOption = Annotated[
    Path | None,
    typer.Option(help="Checkpoint of the same shape to go on from."),
]


@app.command()
def train(
    data: DataOption,
    output: RunOption,
    *,
    max_minutes: MinutesOption = 240.0,
    start_from: StartOption = None,
    resume: ResumeOption = False,
) -> None:
    """Train the translator; write its checkpoint and card to OUTPUT/checkpoint."""
    check_output(output, resume=resume)
    device = best_device()
    vocabulary = prepare_vocabulary(RECIPE, data, output / "vocabulary")
    goes_on = start_from is not None or has_stages(output)
    recipe = RECIPE.all_at_once() if goes_on else RECIPE
    curriculum = build_curriculum(recipe, data, vocabulary)
    trainer = build_trainer(
        recipe,
        TrainerSettings(budget=Budget(max_minutes=max_minutes)),
        curriculum=curriculum,
        vocabulary=vocabulary,
        folder=output,
        device=device,
    )
    if resume:
        trainer.resume()
    elif start_from is not None:
        carry_over(start_from, trainer.network, vocabulary=vocabulary)
        write_stages(output, read_stages(start_from))
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
    hardware: HardwareOption = "",
) -> None:
    """Write the latest weights of a training as a checkpoint."""
    position = export_run(RECIPE, run, checkpoint, hardware=hardware or describe(best_device()))
    logger.info("wrote %s after %d steps", checkpoint, position.step)
    if data is not None:
        for score in write_card(RECIPE, checkpoint, data=data):
            _log(score)


@app.command()
def evaluate(data: DataOption, checkpoint: CheckpointOption) -> None:
    """Measure a checkpoint on the validation and test files."""
    for score in score_all(load_model(checkpoint), RECIPE, data):
        _log(score)


@app.command()
def calibrate(data: DataOption, checkpoint: CheckpointOption) -> None:
    """Calibrate a checkpoint's confidence on the validation files; write its confidence.json."""
    measured = measure_confidence(load_model(checkpoint), data)
    write_calibration(checkpoint, measured)
    logger.info(
        "%d and %d lines, %.0f%% good: area under the curve %.3f (mean log-probability alone "
        "%.3f), calibration error %.3f; %s",
        *measured.num_lines,
        100 * measured.share_good,
        measured.area,
        measured.area_uncalibrated,
        measured.error,
        measured.calibration,
    )


@app.command()
def lookalikes(checkpoint: CheckpointOption) -> None:
    """Let the tokenizer of a checkpoint read look-alikes as what its vocabulary has."""
    rewrite_tokenizer(checkpoint)


def _log(score: Score) -> None:
    logger.info(
        "%s, %s %s, %d lines, %d beams: BLEU %.1f, chrF %.1f",
        score.direction,
        score.data_set,
        score.split,
        score.num_lines,
        score.num_beams,
        score.bleu,
        score.chrf,
    )
