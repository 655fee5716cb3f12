"""`python -m model.training summarizer ...`."""

import logging

import typer

from model.training.device import best_device, describe
from model.training.options import (
    DataOption,
    MinutesOption,
    ResumeOption,
    RunOption,
    check_output,
)
from model.training.progress import train_with_progress
from model.training.summarization.recipe import (
    RECIPE,
    build_curriculum,
    build_trainer,
    prepare_vocabulary,
    validation_examples,
)
from model.training.trainer import Budget, TrainerSettings

logger = logging.getLogger("model.training")
app = typer.Typer(no_args_is_help=True)


@app.command()
def train(
    data: DataOption,
    output: RunOption,
    *,
    max_minutes: MinutesOption = 110.0,
    resume: ResumeOption = False,
) -> None:
    """Train the summarizer; its checkpoint, with card, comes to lie in OUTPUT/checkpoint."""
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
