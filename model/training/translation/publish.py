"""Turns a training's state into a checkpoint folder with a measured card."""

from collections.abc import Iterator
from pathlib import Path

from model.load import LoadedModel, load_model
from model.training.corpus import Split
from model.training.history import read_stages, stage_of, write_stages
from model.training.network import fresh_network
from model.training.state import Position, load_weights
from model.training.translation.card import CardContent, model_card
from model.training.translation.evaluation import Score, evaluate, translate_all
from model.training.translation.export import DEFAULT_BEAMS, export_marian
from model.training.translation.form import marian_config
from model.training.translation.recipe import Recipe
from model.training.translation.vocabulary import load_vocabulary

_HELD_OUT: tuple[Split, ...] = ("valid", "test")


def export_run(recipe: Recipe, run: Path, checkpoint: Path, *, hardware: str) -> Position:
    """Write the latest weights of a run as a checkpoint; return its position.

    Raises:
        TrainingError: The run has saved no state yet.
    """
    vocabulary = load_vocabulary(run / "vocabulary")
    network = fresh_network(marian_config(recipe.shape, vocab_size=len(vocabulary)))
    position = load_weights(run, network)
    export_marian(network, vocabulary, checkpoint)
    stage = stage_of(position, data=recipe.name, hardware=hardware)
    write_stages(checkpoint, [*read_stages(run), stage])
    return position


def write_card(recipe: Recipe, checkpoint: Path, *, data: Path) -> list[Score]:
    """Measure a checkpoint on all held-out files, and write its README.md.

    Args:
        recipe: The recipe of its training.
        checkpoint: As `export_run` wrote it.
        data: The folder of the held-out files.
    """
    loaded = load_model(checkpoint)
    scores = list(score_all(loaded, recipe, data))
    examples = [
        (sample, translate_all(loaded, [sample.text], target=sample.target, num_beams=4)[0])
        for sample in recipe.samples
    ]
    content = CardContent(
        network=loaded.network,
        recipe=recipe,
        stages=read_stages(checkpoint),
        scores=scores,
        examples=examples,
    )
    (checkpoint / "README.md").write_text(model_card(content), encoding="utf-8", newline="\n")
    return scores


def score_all(loaded: LoadedModel, recipe: Recipe, data: Path) -> Iterator[Score]:
    """Yield scores of every direction on every valid and test file, greedy and with beams."""
    for file in recipe.files:
        for direction in file.directions:
            for split in _HELD_OUT:
                for num_beams in (1, DEFAULT_BEAMS):
                    score = evaluate(
                        loaded, data, file, split=split, direction=direction, num_beams=num_beams
                    )
                    if score is not None:
                        yield score
