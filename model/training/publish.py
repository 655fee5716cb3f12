"""From a training's state to a checkpoint folder with a measured card."""

import itertools
from collections.abc import Iterator
from pathlib import Path

from model.load import LoadedModel, load_model
from model.training.card import Facts, model_card
from model.training.corpus import Split
from model.training.evaluation import Score, evaluate
from model.training.export import DEFAULT_BEAMS, export_marian
from model.training.network import fresh_network, marian_config
from model.training.state import Position, load_weights
from model.training.translate import Recipe
from model.training.vocabulary import MAX_INPUT_TOKENS, load_vocabulary

_HELD_OUT: tuple[Split, ...] = ("valid", "test")


def export_run(recipe: Recipe, run: Path, checkpoint: Path) -> Position:
    """Write the weights that a run has reached as a checkpoint; returns how far it is.

    Raises:
        CorpusError: The run has saved no state yet.
    """
    vocabulary = load_vocabulary(run / "vocabulary")
    config = marian_config(recipe.shape, vocab_size=len(vocabulary), max_positions=MAX_INPUT_TOKENS)
    network = fresh_network(config)
    position = load_weights(run, network)
    export_marian(network, vocabulary, checkpoint)
    return position


def write_card(
    recipe: Recipe, checkpoint: Path, *, position: Position, data: Path, hardware: str
) -> list[Score]:
    """Measure a checkpoint on everything held out, and write its README.md.

    Args:
        recipe: What it was trained by.
        checkpoint: As `export_run` wrote it.
        position: How far its training was.
        data: The folder of the held-out files.
        hardware: What it was trained on, in words.
    """
    loaded = load_model(checkpoint)
    scores = list(score_all(loaded, recipe, data))
    facts = Facts(
        network=loaded.network,
        position=position,
        files=recipe.files,
        scores=scores,
        hardware=hardware,
    )
    (checkpoint / "README.md").write_text(model_card(facts), encoding="utf-8", newline="\n")
    return scores


def score_all(loaded: LoadedModel, recipe: Recipe, data: Path) -> Iterator[Score]:
    """Scores of every direction on every valid and test file there is, greedy and with beams."""
    for direction, file, split, num_beams in itertools.product(
        recipe.directions, recipe.files, _HELD_OUT, (1, DEFAULT_BEAMS)
    ):
        score = evaluate(loaded, data, file, split=split, direction=direction, num_beams=num_beams)
        if score is not None:
            yield score
