"""A language small enough to learn in seconds, and the parts of a training on it."""

import gzip
import itertools
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch

from model.training.batching import Example
from model.training.corpus import Pair, Split
from model.training.decks import Deck
from model.training.network import Shape
from model.training.optimizer import OptimizerSettings
from model.training.trainer import Budget, Trainer, TrainerSettings
from model.training.translation.corpus import CorpusFile, DataSet, Direction
from model.training.translation.curriculum import (
    Mixture,
    Stream,
    TranslationCurriculum,
    encode_pairs,
)
from model.training.translation.recipe import Recipe, Sample, build_trainer
from model.training.translation.variation import Variation, VariationRates
from model.training.translation.vocabulary import Vocabulary, train_vocabulary

_WHO = {"the dog": "der Hund", "my friend": "mein Freund", "the cat": "die Katze", "she": "sie"}
_DOES = {"sees": "sieht", "likes": "mag", "finds": "findet", "takes": "nimmt", "wants": "will"}
_WHAT = {"a tree": "einen Baum", "the ball": "den Ball", "milk": "Milch", "bread": "Brot", "7": "7"}

NO_VARIATION = VariationRates(
    skip_name=0.0,
    rename=0.0,
    renumber=0.0,
    upper_case=0.0,
    lower_case=0.0,
    no_full_stop=0.0,
    address=0.0,
)
TINY_RECIPE = Recipe(
    files=(CorpusFile(DataSet(name="toy", attribution="Made up."), "en", "de"),),
    number_copies=1,
    variation=NO_VARIATION,
    mixture=Mixture(round_pairs=100, max_batch_tokens=128),
    vocab_size=120,
    shape=Shape(d_model=32, d_ff=48, num_heads=2, encoder_layers=2, decoder_layers=1),
    samples=(Sample("The dog sees a tree.", "de"),),
)


def make_pairs() -> list[Pair]:
    """Return a hundred different sentences with their translations."""
    return [
        Pair(" ".join(english).capitalize() + ".", " ".join(german).capitalize() + ".")
        for english, german in (
            zip(*words, strict=True)
            for words in itertools.product(_WHO.items(), _DOES.items(), _WHAT.items())
        )
    ]


def write_corpus(folder: Path, splits: Sequence[Split] = ("train", "valid")) -> Path:
    """Write the pairs as `toy.en-de.*.tsv.gz`: all in `train`, ten in `valid`."""
    pairs = make_pairs()
    for split in splits:
        chosen = pairs if split == "train" else pairs[::10]
        text = "".join(f"{pair.source}\t{pair.target}\n" for pair in chosen)
        (folder / f"toy.en-de.{split}.tsv.gz").write_bytes(gzip.compress(text.encode()))
    return folder


@cache
def make_vocabulary() -> Vocabulary:
    """Return a vocabulary of 120 entries, fitted to the pairs."""
    texts = (text for pair in make_pairs() for text in (pair.source, pair.target))
    return train_vocabulary(texts, size=TINY_RECIPE.vocab_size, languages=["de", "en"])


def make_examples() -> list[Example]:
    """Return the pairs as ids, to be translated into German."""
    vocabulary = make_vocabulary()
    texts = encode_pairs(make_pairs(), vocabulary, target="de")
    return [text.framed(vocabulary.eos_id) for text in texts]


def make_curriculum(
    mixture: Mixture = TINY_RECIPE.mixture, *, variation: VariationRates = NO_VARIATION
) -> TranslationCurriculum:
    """Return a curriculum of the pairs, to be translated into German."""
    stream = Stream(Direction("en", "de"), Deck(make_pairs(), seed="toy"), num_pairs=100)
    return TranslationCurriculum(
        {"toy": stream}, mixture, vocabulary=make_vocabulary(), variation=Variation(variation)
    )


def make_trainer(folder: Path, *, max_steps: int = 50) -> Trainer:
    """Return a trainer of a tiny network that translates into German, in float32."""
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
