"""Abstracts of an invented science, with headlines, and the parts of a training on them."""

import gzip
import itertools
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch

from model.training.corpus import Pair
from model.training.network import Shape
from model.training.optimizer import OptimizerSettings
from model.training.summarization.corpus import SummaryFile
from model.training.summarization.curriculum import (
    Mixture,
    Ramp,
    Stream,
    SummarizationCurriculum,
    encode_pairs,
)
from model.training.summarization.decoding import BEAMS
from model.training.summarization.form import MAX_POSITIONS
from model.training.summarization.recipe import Recipe, build_trainer
from model.training.summarization.vocabulary import Vocabulary, train_vocabulary
from model.training.trainer import Budget, Trainer, TrainerSettings

_NAMES = ("Fast", "Deep", "Small", "Wide")
_THINGS = ("trees", "graphs", "birds", "maps", "trains")
_WAYS = ("learning", "counting", "search", "voting", "chance")

TINY_RECIPE = Recipe(
    files=(
        SummaryFile(name="toy-title", style="headline", num_dev=10, attribution="Made up."),
        SummaryFile(name="toy-tldr", style="tldr", repeats=2, num_dev=10, attribution="Invented."),
    ),
    mixture=Mixture(
        round_examples=100,
        denoising=Ramp(before=0.5, after=0.0, start=0.2, stop=0.4),
        infill=Ramp(before=0.15, after=0.0, start=0.4, stop=0.6),
        max_batch_tokens=500,
    ),
    vocab_size=600,
    shape=Shape(d_model=32, d_ff=48, num_heads=2, encoder_layers=2, decoder_layers=1),
    decoding=replace(BEAMS, max_new_tokens=32),
    samples=("Everybody needs birds. We show how voting makes old birds.",),
)


def make_pairs() -> list[Pair]:
    """Return a hundred different abstracts with their headlines."""
    return [
        Pair(
            f"Everybody needs {things}. We show how {way} makes {name.lower()} {things}. "
            f"It is called {name}{things.capitalize()} and was tried on {number} {things}.",
            f"{name}{things.capitalize()}: {way} for {things}",
        )
        for number, (name, things, way) in enumerate(itertools.product(_NAMES, _THINGS, _WAYS))
    ]


def write_corpus(folder: Path) -> Path:
    """Write the pairs in both styles: a hundred in `train`, ten in `valid`."""
    for file in TINY_RECIPE.files:
        for split, pairs in (("train", make_pairs()), ("valid", make_pairs()[::10])):
            text = "".join(f"{pair.source}\t{pair.target}\n" for pair in pairs)
            (folder / f"{file.name}.{split}.tsv.gz").write_bytes(gzip.compress(text.encode()))
    return folder


@cache
def make_vocabulary() -> Vocabulary:
    """Return a vocabulary fitted to the pairs."""
    texts = (text for pair in make_pairs() for text in (pair.source, pair.target))
    return train_vocabulary(texts, size=TINY_RECIPE.vocab_size, styles=TINY_RECIPE.styles)


def make_curriculum() -> SummarizationCurriculum:
    """Return a curriculum of the pairs as headlines and, twice, as one-sentence summaries."""
    vocabulary = make_vocabulary()
    streams = {
        file.name: Stream(
            list(
                encode_pairs(make_pairs(), vocabulary, style=file.style, max_length=MAX_POSITIONS)
            ),
            file.repeats,
        )
        for file in TINY_RECIPE.files
    }
    return SummarizationCurriculum(
        streams, TINY_RECIPE.mixture, vocabulary=vocabulary, max_length=MAX_POSITIONS
    )


def make_trainer(folder: Path, *, max_steps: int = 50) -> Trainer:
    """Return a trainer of a tiny network, in float32."""
    settings = TrainerSettings(
        budget=Budget(max_steps=max_steps),
        optimizer=OptimizerSettings(matrix_lr=1e-2, other_lr=1e-2, warmup_steps=10),
        autocast=False,
    )
    return build_trainer(
        TINY_RECIPE,
        settings,
        curriculum=make_curriculum(),
        vocabulary=make_vocabulary(),
        folder=folder,
        device=torch.device("cpu"),
    )
