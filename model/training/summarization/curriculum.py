"""The summarizer's curriculum: first mostly denoising of texts, then their summaries."""

import random
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from model.training.batching import Example, Ids, cut_into_batches
from model.training.corpus import Pair
from model.training.decks import Deck
from model.training.summarization.noise import Document, Noise, NoiseRates
from model.training.summarization.sentences import principal_sentence, split_sentences
from model.training.summarization.vocabulary import Vocabulary

_FRAME_LENGTH = 3  # <s>, the tag and </s>
_MAX_PRINCIPAL = 100  # tokens; longer ones are rarely one sentence
_TEXTS = "texts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """A number that changes linearly over a part of the training."""

    before: float
    after: float
    start: float  # of the training's progress, 0 to 1
    stop: float

    def at(self, progress: float) -> float:
        part = (progress - self.start) / (self.stop - self.start)
        return self.before + (self.after - self.before) * min(1.0, max(0.0, part))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """Settings that turn texts into batches. The last part is summaries of whole texts only."""

    round_examples: int = 2_000
    denoising: Ramp = Ramp(before=0.95, after=0.0, start=0.24, stop=0.6)  # share of the examples
    pieces: Ramp = Ramp(before=1.0, after=0.0, start=0.22, stop=0.34)  # share of those to denoise
    piece_length: Ramp = Ramp(before=32, after=160, start=0.16, stop=0.32)  # tokens, at most
    infill: Ramp = Ramp(
        before=0.15, after=0.0, start=0.55, stop=0.85
    )  # share of a text to summarize
    join_rate: float = 0.1  # share of the texts to denoise that are two abstracts
    noise: NoiseRates = field(default_factory=NoiseRates)
    max_batch_tokens: int = 4_096  # of the longer side, padding counted


@dataclass(frozen=True, slots=True)
class Summarized:
    """A text and its summary as ids, without special tokens."""

    document: Document
    summary_ids: Ids
    style: str


@dataclass(frozen=True, slots=True)
class Stream:
    """The pairs of one file, and how often each occurs in one pass through all data."""

    pairs: Sequence[Summarized]
    repeats: int = 1

    @property
    def num_pairs(self) -> int:
        """The pairs of one pass."""
        return len(self.pairs) * self.repeats


class SummarizationCurriculum:
    """Rounds whose mixture depends on the training's progress."""

    def __init__(
        self,
        streams: Mapping[str, Stream],
        mixture: Mixture,
        *,
        vocabulary: Vocabulary,
        max_length: int,
    ) -> None:
        """Collect the texts to denoise.

        Args:
            streams: By the name of their file.
            mixture: The settings.
            vocabulary: The one that the texts were encoded with.
            max_length: The network's limit in tokens, special ones included.
        """
        self._streams = streams
        self._mixture = mixture
        self._noise = Noise(vocabulary, mixture.noise)
        self._max_length = max_length
        texts = [
            text.document
            for stream in streams.values()
            for text in stream.pairs
            if len(text.document.principal_ids) <= _MAX_PRINCIPAL
        ]
        self._texts = Deck(texts, seed=_TEXTS)
        self._pairs = {name: Deck(stream.pairs, seed=name) for name, stream in streams.items()}

    @property
    def decks(self) -> Mapping[str, Deck[Any]]:
        return {_TEXTS: self._texts, **self._pairs}

    @property
    def num_pairs(self) -> int:
        """The pairs of one pass through all data."""
        return sum(stream.num_pairs for stream in self._streams.values())

    def round(self, progress: float, *, rng: random.Random) -> list[list[Example]]:
        """Return the next batches; see `model.training.trainer.Curriculum`."""
        num_denoising = round(self._mixture.denoising.at(progress) * self._mixture.round_examples)
        num_summaries = self._mixture.round_examples - num_denoising
        infill = self._mixture.infill.at(progress)
        examples = [
            *self._denoising(num_denoising, progress, rng=rng),
            *self._summaries(num_summaries, infill=infill, rng=rng),
        ]
        return cut_into_batches(examples, max_tokens=self._mixture.max_batch_tokens, rng=rng)

    def _denoising(self, count: int, progress: float, *, rng: random.Random) -> Iterator[Example]:
        share = self._mixture.pieces.at(progress)
        max_length = round(self._mixture.piece_length.at(progress))
        for _ in range(count):
            documents = self._texts.deal(1)
            if rng.random() < share:
                yield self._noise.piece(documents[0], max_length=max_length, rng=rng)
                continue
            if rng.random() < self._mixture.join_rate:
                documents += self._texts.deal(1)
            if sum(len(document.ids) for document in documents) > self._max_length - _FRAME_LENGTH:
                yield self._noise.denoising(documents[1:], rng=rng)
                documents = documents[:1]
            yield self._noise.denoising(documents, rng=rng)

    def _summaries(self, count: int, *, infill: float, rng: random.Random) -> Iterator[Example]:
        part = count / self.num_pairs
        for name, stream in self._streams.items():
            for text in self._pairs[name].deal(round(part * stream.num_pairs)):
                yield self._noise.summary(
                    text.document.ids, text.summary_ids, style=text.style, infill=infill, rng=rng
                )


def encode_pairs(
    pairs: Iterable[Pair], vocabulary: Vocabulary, *, style: str, max_length: int
) -> Iterator[Summarized]:
    """Yield pairs as ids. A text too long for the network ends after the last sentence that fits.

    Args:
        pairs: Texts with summaries of one style.
        vocabulary: Encodes them.
        style: The style of the summaries.
        max_length: The network's limit in tokens, special ones included.
    """
    for pair in pairs:
        sentences = _fitting(
            vocabulary.encode(split_sentences(pair.source)), max_length - _FRAME_LENGTH
        )
        (summary_ids,) = vocabulary.encode([pair.target])
        if sentences and len(summary_ids) <= max_length // 2:  # the rest is for what is missing
            yield Summarized(_document(sentences), array("H", summary_ids), style)


def _fitting(sentences: Iterable[Sequence[int]], max_length: int) -> list[Sequence[int]]:
    fitting: list[Sequence[int]] = []
    length = 0
    for sentence in sentences:
        length += len(sentence)
        if length > max_length:
            break
        fitting.append(sentence)
    return fitting


def _document(sentences: Sequence[Sequence[int]]) -> Document:
    principal = principal_sentence(sentences)
    start = sum(map(len, sentences[:principal]))
    ids = array("H", [i for sentence in sentences for i in sentence])  # 2 bytes each, not 36
    return Document(ids, slice(start, start + len(sentences[principal])))
