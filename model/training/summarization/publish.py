"""Turns a training's state into a checkpoint folder with a measured card."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from model.engine.params import GenerationParams
from model.load import LoadedModel, load_model
from model.training.history import read_stages, stage_of, write_stages
from model.training.state import Position, load_weights
from model.training.summarization.card import CardContent, model_card
from model.training.summarization.decoding import alternatives, greedy
from model.training.summarization.evaluation import Score, evaluate, summarize_all
from model.training.summarization.export import export_bart
from model.training.summarization.form import bart_config, fresh_bart
from model.training.summarization.recipe import Recipe
from model.training.summarization.vocabulary import load_vocabulary


def export_run(recipe: Recipe, run: Path, checkpoint: Path, *, hardware: str) -> Position:
    """Write the latest weights of a run as a checkpoint; return its position.

    Raises:
        TrainingError: The run has saved no state yet.
    """
    vocabulary = load_vocabulary(run / "vocabulary")
    network = fresh_bart(bart_config(recipe.shape, vocab_size=len(vocabulary)))
    position = load_weights(run, network)
    export_bart(network, vocabulary, checkpoint, decoding=recipe.decoding)
    write_stages(checkpoint, [stage_of(position, data=recipe.name, hardware=hardware)])
    return position


def write_card(recipe: Recipe, checkpoint: Path, *, scores: Sequence[Score]) -> None:
    """Write a checkpoint's README.md.

    Args:
        recipe: The recipe of its training.
        checkpoint: As `export_run` wrote it.
        scores: The checkpoint's, from `score_all`.
    """
    loaded = load_model(checkpoint)
    content = CardContent(
        network=loaded.network,
        recipe=recipe,
        decoding=_default_decoding(loaded),
        stages=read_stages(checkpoint),
        scores=scores,
        examples=_examples(loaded, recipe),
    )
    (checkpoint / "README.md").write_text(model_card(content), encoding="utf-8", newline="\n")


def score_all(
    loaded: LoadedModel, recipe: Recipe, data: Path, *, max_lines: int | None = None
) -> Iterator[Score]:
    """Yield scores on every valid file: greedy, the default search, first sentences, references."""
    default = _default_decoding(loaded)
    for file in recipe.files:
        pairs = file.read(data, "valid")[:max_lines]
        yield from evaluate(loaded, file, pairs, decodings=[greedy(default), default])


def compare_decodings(
    loaded: LoadedModel, recipe: Recipe, data: Path, *, max_lines: int
) -> Iterator[Score]:
    """Yield scores of several searches on dev pairs; valid files are not used for choices."""
    for file in recipe.files:
        pairs = file.read(data, "dev")[:max_lines]
        yield from evaluate(loaded, file, pairs, decodings=alternatives(recipe.decoding))


def _default_decoding(loaded: LoadedModel) -> GenerationParams:
    return GenerationParams(**loaded.generation)


def _examples(loaded: LoadedModel, recipe: Recipe) -> dict[str, list[str]]:
    params = _default_decoding(loaded)
    outputs = [
        summarize_all(loaded, recipe.samples, style=style, params=params) for style in recipe.styles
    ]
    return {text: list(found) for text, *found in zip(recipe.samples, *outputs, strict=True)}
