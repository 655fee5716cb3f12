"""The translator that ships with the project: its data, its shape, its training."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from model.training.batching import Batch, Example, Mixture, collate, epoch_batches
from model.training.corpus import CorpusFile, Direction, Pair, Split, read_direction
from model.training.network import Shape, fresh_network, marian_config
from model.training.substitution import Substitutions, substitute
from model.training.trainer import SpecialIds, Trainer, TrainerSettings
from model.training.vocabulary import (
    MAX_INPUT_TOKENS,
    Vocabulary,
    load_vocabulary,
    train_vocabulary,
)

_TATOEBA = (
    "Sentence pairs from Tatoeba (tatoeba.org), CC BY 2.0 FR, via ManyThings.org/anki "
    "(www.manythings.org/anki); cleaned and split."
)
_MOZILLA = (
    "Strings from mozilla.org localization (github.com/mozilla-l10n/www-l10n), MPL 2.0. "
    "Mozilla and Firefox are trademarks."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that makes one translator differ from another, except how long it trains."""

    files: tuple[CorpusFile, ...] = (
        CorpusFile("tatoeba", "en", "de", attribution=_TATOEBA),
        CorpusFile("mozilla-www", "en", "de", repeats=2, attribution=_MOZILLA),
    )
    directions: tuple[Direction, ...] = (
        Direction("en", "de"),
        Direction("de", "en", share=2 / 3),
    )
    substitutions: Substitutions = field(default_factory=Substitutions)
    vocab_size: int = 8_000
    shape: Shape = field(default_factory=Shape)
    join_rate: float = 0.1
    max_batch_tokens: int = 4_096

    @property
    def target_languages(self) -> list[str]:
        return list(dict.fromkeys(direction.target for direction in self.directions))

    @property
    def mixture(self) -> Mixture:
        return Mixture(
            shares=tuple(direction.share for direction in self.directions),
            join_rate=self.join_rate,
            max_batch_tokens=self.max_batch_tokens,
        )


RECIPE = Recipe()


class TranslationData:
    """The recipe's files, read once and turned into ids."""

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        self._recipe = recipe
        self._folder = folder

    def pairs(self, direction: Direction, split: Split) -> list[Pair]:
        return read_direction(self._folder, self._recipe.files, direction=direction, split=split)

    def vocabulary(self, folder: Path) -> Vocabulary:
        """The vocabulary kept in a folder; made from the training text the first time."""
        if not (folder / "vocab.json").is_file():
            vocabulary = train_vocabulary(
                self._sentences(),
                size=self._recipe.vocab_size,
                languages=self._recipe.target_languages,
            )
            vocabulary.save(folder)
        return load_vocabulary(folder)

    def _sentences(self) -> Iterator[str]:
        for direction in self._recipe.directions:
            for pair in self.pairs(direction, "train"):
                yield pair.target

    def pools(self, vocabulary: Vocabulary, split: Split) -> list[list[Example]]:
        """The examples of each direction."""
        return [
            encode_pairs(self._varied(direction, split), vocabulary, target=direction.target)
            for direction in self._recipe.directions
        ]

    def _varied(self, direction: Direction, split: Split) -> list[Pair]:
        pairs = self.pairs(direction, split)
        if split != "train":
            return pairs
        return substitute(pairs, self._recipe.substitutions, rng=random.Random(str(direction)))


def encode_pairs(pairs: Sequence[Pair], vocabulary: Vocabulary, *, target: str) -> list[Example]:
    """Pairs as ids, with the tag of the language to translate into."""
    sources = vocabulary.encode([pair.source for pair in pairs])
    targets = vocabulary.encode([pair.target for pair in pairs])
    tag_id = vocabulary.tag_id(target)
    return [Example(tag_id, *sides) for sides in zip(sources, targets, strict=True)]


def validation_batches(
    pool: Sequence[Example], recipe: Recipe, *, vocabulary: Vocabulary
) -> list[Batch]:
    """All examples of a pool, unjoined, in batches."""
    mixture = Mixture(shares=(1.0,), max_batch_tokens=recipe.max_batch_tokens)
    groups = epoch_batches([pool], mixture, rng=random.Random(0))
    return [collate(x, eos_id=vocabulary.eos_id, pad_id=vocabulary.pad_id) for x in groups]


def build_trainer(
    recipe: Recipe,
    settings: TrainerSettings,
    *,
    vocabulary: Vocabulary,
    pools: Sequence[Sequence[Example]],
    folder: Path,
    device: torch.device,
) -> Trainer:
    """A trainer over a fresh network of the recipe's shape."""
    torch.manual_seed(settings.seed)
    config = marian_config(recipe.shape, vocab_size=len(vocabulary), max_positions=MAX_INPUT_TOKENS)
    return Trainer(
        fresh_network(config).to(device),
        pools,
        settings,
        special=SpecialIds(eos=vocabulary.eos_id, pad=vocabulary.pad_id),
        folder=folder,
    )
