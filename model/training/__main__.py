"""The command line: `python -m model.training translate --data DIR --output DIR`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from model.errors import ModelError
from model.load import load_model
from model.training.corpus import TrainingError
from model.training.device import best_device, describe
from model.training.evaluation import Score
from model.training.progress import train_with_progress
from model.training.publish import export_run, score_all, write_card
from model.training.state import has_state
from model.training.trainer import Budget, TrainerSettings
from model.training.translate import RECIPE, TranslationData, build_trainer, validation_batches

logger = logging.getLogger("model.training")
app = typer.Typer(add_completion=False, no_args_is_help=True)

DataOption = Annotated[Path, typer.Option(help="Folder of the *.tsv.gz files.")]
RunOption = Annotated[Path, typer.Option(help="Folder of a training: its state, its vocabulary.")]
CheckpointOption = Annotated[Path, typer.Option(help="Folder of a checkpoint.")]


@app.callback()
def main() -> None:
    """Train the models that ship with the project, or one's own."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")


@app.command()
def translate(
    data: DataOption,
    output: RunOption,
    *,
    max_minutes: Annotated[float, typer.Option(help="Length of the whole training.")] = 90.0,
    resume: Annotated[bool, typer.Option(help="Go on with the state in --output.")] = False,
) -> None:
    """Train the translator; its checkpoint, with card, comes to lie in OUTPUT/checkpoint."""
    if has_state(output) and not resume:
        raise TrainingError(
            f"{output} holds a training: go on with it by --resume, or choose another folder"
        )
    device = best_device()
    text = TranslationData(RECIPE, data)
    vocabulary = text.vocabulary(output / "vocabulary")
    settings = TrainerSettings(budget=Budget(max_minutes=max_minutes), mixture=RECIPE.mixture)
    pools = text.pools(vocabulary, "train")
    trainer = build_trainer(
        RECIPE, settings, vocabulary=vocabulary, pools=pools, folder=output, device=device
    )
    if resume:
        trainer.resume()
    parameters = trainer.network.num_parameters
    logger.info("%d parameters, %d pairs, %s", parameters, sum(map(len, pools)), describe(device))
    first, *_ = text.pools(vocabulary, "valid")
    train_with_progress(trainer, validation_batches(first, RECIPE, vocabulary=vocabulary))
    export(output, output / "checkpoint", data=data, hardware=describe(device))


@app.command()
def export(
    run: RunOption,
    checkpoint: CheckpointOption,
    *,
    data: Annotated[Path | None, typer.Option(help="Measure on it and write the card.")] = None,
    hardware: Annotated[str, typer.Option(help="Trained on what, for the card.")] = "",
) -> None:
    """Write the weights that a training has reached as a checkpoint."""
    position = export_run(RECIPE, run, checkpoint)
    logger.info("wrote %s after %d steps", checkpoint, position.step)
    if data is not None:
        named = hardware or describe(best_device())
        for score in write_card(RECIPE, checkpoint, position=position, data=data, hardware=named):
            _log(score)


@app.command()
def evaluate(data: DataOption, checkpoint: CheckpointOption) -> None:
    """Measure a checkpoint on the validation and test files."""
    for score in score_all(load_model(checkpoint), RECIPE, data):
        _log(score)


def _log(score: Score) -> None:
    logger.info(
        "%s, %s %s, %d lines, %d beams: BLEU %.1f, chrF %.1f",
        score.direction,
        score.file,
        score.split,
        score.num_lines,
        score.num_beams,
        score.bleu,
        score.chrf,
    )


if __name__ == "__main__":
    try:
        app()
    except ModelError as error:
        raise SystemExit(f"error: {error}") from None
