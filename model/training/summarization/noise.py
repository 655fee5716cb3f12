"""Denoising: abstracts with gaps, and what belongs in them.

Learning from the texts alone, before and beside their summaries, is what makes a small model write
grammatical sentences about the text in front of it. One pass of the encoder serves two tasks:

encoder   <s> We study <gap1> of trees. <mask> Code is <gap2>. </s>
labels    <s> Our method halves the error. </s> <gap1> the growth <gap2> available </s>

The first is gap-sentence prediction (PEGASUS, Zhang et al., 2020): the most telling sentence is to
be written where later the summary is; often it is there, with <mask> in front or unmarked, so that
finding and copying is learnt as well. The second is infilling (BART, Lewis et al., 2020), with the
labels of T5 (Raffel et al., 2020): only what is missing, since a whole text would cost three times
as much.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from model.training.batching import Example, Ids
from model.training.summarization.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Document:
    """An abstract as ids, with where its principal sentence is."""

    ids: Ids
    principal: slice

    @property
    def principal_ids(self) -> Ids:
        return self.ids[self.principal]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseRates:
    """How much of a text is missing."""

    infill: float = 0.15  # of the tokens
    mean_span: float = 3.0  # tokens of a gap
    mask_principal: float = 0.4  # of the principal sentences
    mark_principal: float = 0.3  # of the principal sentences; the rest are to be found unaided


class Noise:
    """Makes examples, with gaps in their sources that differ at each call."""

    def __init__(self, vocabulary: Vocabulary, rates: NoiseRates) -> None:
        self._vocabulary = vocabulary
        self._rates = rates

    def denoising(self, documents: Sequence[Document], *, rng: random.Random) -> Example:
        """Some documents in a row, each to be told by its principal sentence, and their gaps."""
        source: list[int] = []
        told: list[int] = []
        for document in documents:
            told += document.principal_ids
            place = document.principal
            middle = self._principal(document.principal_ids, rng=rng)
            source += [*document.ids[: place.start], *middle, *document.ids[place.stop :]]
        return self._framed([], source, told, infill=self._rates.infill, rng=rng)

    def piece(self, document: Document, *, max_length: int, rng: random.Random) -> Example:
        """Some of a document, with gaps, to be written as it was.

        The shortest way to learn copying: after 6 million tokens of whole abstracts a sentence was
        as hard to write with it in sight as without.

        Args:
            document: A random part of it is taken.
            max_length: Tokens of the part; it has at least a quarter as many.
            rng: For place, length and gaps.
        """
        length = min(len(document.ids), rng.randint(max_length // 4, max_length))
        start = rng.randint(0, len(document.ids) - length)
        part = document.ids[start : start + length]
        return self._framed([], part, part, infill=self._rates.infill, rng=rng)

    def _principal(self, ids: Ids, *, rng: random.Random) -> Ids:
        """What the encoder sees of the sentence to be written.

        Most are there, many of them marked: copying is learnt late where it seldom helps.
        """
        draw = rng.random()
        if draw < self._rates.mask_principal:
            return [self._vocabulary.mask_id]
        if draw < self._rates.mask_principal + self._rates.mark_principal:
            return [self._vocabulary.mask_id, *ids]
        return ids

    def summary(
        self, ids: Ids, summary_ids: Ids, *, style: str, infill: float, rng: random.Random
    ) -> Example:
        """A text in need of a summary; with infill above 0 also of what is missing in it."""
        tag = [self._vocabulary.tag_id(style)]
        return self._framed(tag, ids, summary_ids, infill=infill, rng=rng)

    def _framed(
        self, tag: Ids, source: Ids, told: Ids, *, infill: float, rng: random.Random
    ) -> Example:
        words = self._vocabulary
        kept: list[int] = []
        missing: list[int] = []
        end = 0
        gaps = list(_gaps(len(source), infill, mean=self._rates.mean_span, rng=rng))
        for gap_id, gap in zip(words.gap_ids, gaps, strict=False):
            kept += [*source[end : gap.start], gap_id]
            missing += [gap_id, *source[gap]]
            end = gap.stop
        kept += source[end:]
        if missing:
            missing.append(words.eos_id)
        return Example(
            [words.bos_id, *tag, *kept, words.eos_id],
            [words.bos_id, *told, words.eos_id, *missing],
        )


def _gaps(length: int, rate: float, *, mean: float, rng: random.Random) -> Iterator[slice]:
    """Places of a text that go missing, from left to right, with at least a token between them.

    Args:
        length: Tokens of the text.
        rate: The share of its tokens that go missing, on average.
        mean: Tokens of a gap, on average; lengths have a Poisson distribution, but none is 0.
        rng: For lengths and places.
    """
    if rate == 0:
        return
    pause = mean * (1 - rate) / rate
    place = 1 + _poisson(pause * rng.random(), rng=rng)
    while place < length:
        stop = min(length, place + 1 + _poisson(mean - 1, rng=rng))
        yield slice(place, stop)
        place = stop + 1 + _poisson(pause - 1, rng=rng)


def _poisson(mean: float, *, rng: random.Random) -> int:
    """A number of that mean, by Knuth's method: uniform factors until the product is small."""
    limit = math.exp(-mean)
    count, product = 0, rng.random()
    while product > limit:
        count += 1
        product *= rng.random()
    return count
