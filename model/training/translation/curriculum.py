"""The translator's curriculum: pairs of every direction, varied, joined, in batches."""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from model.training.batching import Example, Ids, cut_into_batches
from model.training.corpus import Pair
from model.training.decks import Deck
from model.training.translation.corpus import Direction
from model.training.translation.variation import Variation
from model.training.translation.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Translated:
    """A pair as ids, without special tokens, and the tag of its target language."""

    tag_id: int
    source_ids: Ids
    target_ids: Ids

    def joined(self, other: "Translated") -> "Translated":
        """Return both pairs as one; they must have the same target language."""
        return replace(
            self,
            source_ids=[*self.source_ids, *other.source_ids],
            target_ids=[*self.target_ids, *other.target_ids],
        )

    @property
    def length(self) -> int:
        """Tokens of the longer side."""
        return max(len(self.source_ids), len(self.target_ids))

    def framed(self, eos_id: int) -> Example:
        """Return the example: the tag before the source, `</s>` after both sides."""
        return Example([self.tag_id, *self.source_ids, eos_id], [*self.target_ids, eos_id])


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """Settings that turn pairs into batches."""

    round_pairs: int = 24_000
    join_rate: float = 0.12  # share of texts that are several pairs in a row
    max_joined: int = 4
    max_length: int = 200  # tokens; longer pairs are left out
    max_batch_tokens: int = 4_096  # of the longer side, padding counted


@dataclass(frozen=True, slots=True)
class Stream:
    """The pairs of one file in one direction."""

    direction: Direction
    deck: Deck[Pair]
    num_pairs: float  # in one pass through all data
    begins: float = 0.0  # the progress of the training at its first draw


class TranslationCurriculum:
    """Rounds of pairs whose names, numbers and neighbours vary with each draw."""

    def __init__(
        self,
        streams: Mapping[str, Stream],
        mixture: Mixture,
        *,
        vocabulary: Vocabulary,
        variation: Variation,
    ) -> None:
        self._streams = streams
        self._mixture = mixture
        self._vocabulary = vocabulary
        self._variation = variation

    @property
    def decks(self) -> Mapping[str, Deck[Pair]]:
        return {name: stream.deck for name, stream in self._streams.items()}

    @property
    def num_pairs(self) -> int:
        """The pairs of one pass, copies included."""
        return sum(map(len, self.decks.values()))

    def round(self, progress: float, *, rng: random.Random) -> list[list[Example]]:
        """Return the next batches; see `model.training.trainer.Curriculum`."""
        streams = [stream for stream in self._streams.values() if stream.begins <= progress]
        part = self._mixture.round_pairs / sum(stream.num_pairs for stream in streams)
        drawn: dict[Direction, list[Pair]] = defaultdict(list)
        for stream in streams:
            pairs = stream.deck.deal(round(part * stream.num_pairs))
            varied = (self._variation.vary(pair, rng=rng) for pair in pairs)
            drawn[stream.direction] += [pair for pair in varied if pair is not None]
        examples = [
            text.framed(self._vocabulary.eos_id)
            for direction, pairs in drawn.items()
            for text in self._texts(pairs, direction, rng=rng)
        ]
        return cut_into_batches(examples, max_tokens=self._mixture.max_batch_tokens, rng=rng)

    def _texts(
        self, pairs: Sequence[Pair], direction: Direction, *, rng: random.Random
    ) -> Iterator[Translated]:
        found = encode_pairs(pairs, self._vocabulary, target=direction.target)
        fitting = [text for text in found if text.length <= self._mixture.max_length]
        rng.shuffle(fitting)  # neighbours are from different files
        return joined_in_part(fitting, self._mixture, rng=rng)


def encode_pairs(pairs: Sequence[Pair], vocabulary: Vocabulary, *, target: str) -> list[Translated]:
    """Return pairs as ids, with the tag of the target language."""
    sources = vocabulary.encode([pair.source for pair in pairs])
    targets = vocabulary.encode([pair.target for pair in pairs])
    tag_id = vocabulary.tag_id(target)
    return [Translated(tag_id, *sides) for sides in zip(sources, targets, strict=True)]


def joined_in_part(
    texts: Iterable[Translated], mixture: Mixture, *, rng: random.Random
) -> Iterator[Translated]:
    """Yield all texts, some joined with those after them, none above `max_length`."""
    pending = iter(texts)
    for first in pending:
        text = first
        if rng.random() < mixture.join_rate:
            for other in _take(pending, rng.randint(1, mixture.max_joined - 1)):
                if text.length + other.length > mixture.max_length:
                    yield other
                else:
                    text = text.joined(other)
        yield text


def _take(texts: Iterator[Translated], count: int) -> Iterator[Translated]:
    for _, text in zip(range(count), texts, strict=False):
        yield text
