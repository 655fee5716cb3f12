"""The translator that ships with the project: its data, its shape, its training."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import torch

from model.training.batching import Example, cut_into_batches
from model.training.decks import Deck
from model.training.network import Shape, fresh_network, hold_at_zero
from model.training.trainer import SpecialIds, Trainer, TrainerSettings
from model.training.translation.corpus import CorpusFile, DataSet, Direction, read_file
from model.training.translation.curriculum import (
    Mixture,
    Stream,
    TranslationCurriculum,
    encode_pairs,
)
from model.training.translation.form import marian_config
from model.training.translation.variation import Variation, VariationRates, common_names
from model.training.translation.vocabulary import Vocabulary, load_vocabulary, train_vocabulary

TATOEBA = DataSet(
    name="tatoeba",
    gives_names=True,
    attribution="Sentence pairs from Tatoeba (tatoeba.org), CC BY 2.0 FR, via ManyThings.org/anki "
    "(www.manythings.org/anki); cleaned and split.",
)
PYTHON_DOCS = DataSet(
    name="python-docs",
    share=0.35,
    attribution="Python documentation, Copyright (c) 2001 Python Software Foundation, PSF License "
    "Version 2; translations by the Python documentation translation teams, CC0.",
)
MOZILLA = DataSet(
    name="mozilla-www",
    share=6.0,
    attribution="Strings from mozilla.org localization (github.com/mozilla-l10n/www-l10n), MPL "
    "2.0. Mozilla and Firefox are trademarks.",
)
# One language is learnt before the others join: they share its decoder and English.
GERMAN_ALONE = 0.3
_WATCHED_PAIRS = 200  # of each direction, for the validation loss
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Sample:
    """A sentence that the card shows a translation of, and the language to translate it into."""

    text: str
    target: str


# Written for the card, so of no data set; some are meant to be hard.
SAMPLES = (
    Sample("The meeting starts at 9:45, so please don't be late.", "de"),
    Sample("My sister lives in a small town near the sea.", "fr"),
    Sample("We would like to book a table for four people tonight.", "es"),
    Sample("Ich habe meinen Schlüssel im Büro vergessen.", "en"),
    Sample("Est-ce que vous pouvez m'aider à trouver la gare ?", "en"),
    Sample("Mi hermano compró una bicicleta nueva la semana pasada.", "en"),
    Sample("Dr. Okonkwo-Lindqvist ordered 1,250 copies on 14 March 2023.", "de"),
    Sample("The committee postponed its decision on the harbour bridge's refurbishment.", "de"),
    Sample("Il a jeté l'éponge, faute de combattants.", "en"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Data, sizes and settings of one translator; all but the length of its training."""

    files: tuple[CorpusFile, ...] = (
        CorpusFile(TATOEBA, "en", "de"),
        CorpusFile(MOZILLA, "en", "de"),
        CorpusFile(TATOEBA, "en", "fr", begins=GERMAN_ALONE),
        CorpusFile(TATOEBA, "en", "es", begins=GERMAN_ALONE),
        CorpusFile(PYTHON_DOCS, "en", "fr", begins=GERMAN_ALONE),
        CorpusFile(PYTHON_DOCS, "en", "es", begins=GERMAN_ALONE),
        CorpusFile(MOZILLA, "en", "fr", begins=GERMAN_ALONE),
        CorpusFile(MOZILLA, "en", "es", begins=GERMAN_ALONE),
    )
    number_copies: int = 4  # of each pair with digits, which are rare and change at each draw
    variation: VariationRates = field(default_factory=VariationRates)
    mixture: Mixture = field(default_factory=Mixture)
    vocab_size: int = 12_000
    shape: Shape = field(default_factory=Shape)
    samples: tuple[Sample, ...] = SAMPLES

    @property
    def name(self) -> str:
        """The pairs of languages, as text."""
        pairs = dict.fromkeys(f"{file.first}-{file.second}" for file in self.files)
        return ", ".join(pairs)

    @property
    def directions(self) -> list[Direction]:
        return list(dict.fromkeys(chain.from_iterable(file.directions for file in self.files)))

    @property
    def target_languages(self) -> list[str]:
        return list(dict.fromkeys(direction.target for direction in self.directions))

    @property
    def attributions(self) -> list[str]:
        return list(dict.fromkeys(file.data_set.attribution for file in self.files))

    def all_at_once(self) -> "Recipe":
        """Return the recipe with every file from the start, for a network trained before."""
        return replace(self, files=tuple(replace(file, begins=0.0) for file in self.files))


RECIPE = Recipe()


def prepare_vocabulary(recipe: Recipe, data: Path, folder: Path) -> Vocabulary:
    """Return the vocabulary kept in a folder; make it from the training text if missing."""
    if not (folder / "vocab.json").is_file():
        vocabulary = train_vocabulary(
            _sentences(recipe, data), size=recipe.vocab_size, languages=recipe.target_languages
        )
        vocabulary.save(folder)
    return load_vocabulary(folder)


def _sentences(recipe: Recipe, data: Path) -> Iterator[str]:
    """Yield sentences of every language, in the proportion of the training."""
    for file in recipe.files:
        for direction in file.directions:
            pairs = read_file(data, file, direction=direction, split="train")
            for pair in pairs[: round(len(pairs) * min(1.0, file.data_set.share))]:
                yield pair.target


def build_curriculum(recipe: Recipe, data: Path, vocabulary: Vocabulary) -> TranslationCurriculum:
    """Return the curriculum over the training text."""
    streams: dict[str, Stream] = {}
    names: set[str] = set()
    for file in recipe.files:
        for direction in file.directions:
            pairs = read_file(data, file, direction=direction, split="train")
            names.update(common_names(pairs) if file.data_set.gives_names else ())
            numbered = [pair for pair in pairs if _DIGIT.search(pair.source)]
            pairs += numbered * (recipe.number_copies - 1)
            name = f"{file} {direction}"
            deck = Deck(pairs, seed=name)
            num_pairs = len(pairs) * file.data_set.share * file.share
            streams[name] = Stream(direction, deck, num_pairs=num_pairs, begins=file.begins)
    return TranslationCurriculum(
        streams,
        recipe.mixture,
        vocabulary=vocabulary,
        variation=Variation(recipe.variation, names=sorted(names)),
    )


def validation_examples(recipe: Recipe, data: Path, vocabulary: Vocabulary) -> list[list[Example]]:
    """Return batches for the validation loss: lines of each direction's first file."""
    first = {direction: file for file in reversed(recipe.files) for direction in file.directions}
    examples: list[Example] = []
    for direction, file in first.items():
        pairs = read_file(data, file, direction=direction, split="valid")[:_WATCHED_PAIRS]
        texts = encode_pairs(pairs, vocabulary, target=direction.target)
        examples += [text.framed(vocabulary.eos_id) for text in texts]
    return cut_into_batches(
        examples, max_tokens=recipe.mixture.max_batch_tokens, rng=random.Random(0)
    )


def build_trainer(
    recipe: Recipe,
    settings: TrainerSettings,
    *,
    curriculum: TranslationCurriculum,
    vocabulary: Vocabulary,
    folder: Path,
    device: torch.device,
) -> Trainer:
    """Return a trainer over a fresh network of the recipe's shape."""
    torch.manual_seed(settings.seed)
    network = fresh_network(marian_config(recipe.shape, vocab_size=len(vocabulary)))
    network.to(device)
    # Marian's decoder starts from a zero vector, and some readers of its checkpoints rely on it
    hold_at_zero(network.embedding, vocabulary.pad_id)
    return Trainer(
        network,
        curriculum,
        settings,
        special=SpecialIds(start=vocabulary.pad_id, pad=vocabulary.pad_id),
        folder=folder,
    )
