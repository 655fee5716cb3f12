"""Denoising: examples of abstracts with gaps, and of their missing parts.

Denoising the texts alone, before and beside their summaries, teaches a small model to write
grammatical sentences about its source. One pass of the encoder serves two tasks:

encoder   <s> We study <gap1> of trees. <mask> Code is <gap2>. </s>
labels    <s> Our method halves the error. </s> <gap1> the growth <gap2> available </s>

The first is gap-sentence prediction (PEGASUS, Zhang et al., 2020): the principal sentence is the
label in the place of the later summary. Often it stays in the source, after a <mask> or unmarked,
which teaches finding and copying. The second is infilling (BART, Lewis et al., 2020), with the
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
    """An abstract as ids, with the place of its principal sentence."""

    ids: Ids
    principal: slice

    @property
    def principal_ids(self) -> Ids:
        return self.ids[self.principal]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseRates:
    """The share of a text that is missing."""

    infill: float = 0.15  # of the tokens
    mean_span: float = 3.0  # tokens of a gap
    mask_principal: float = 0.4  # of the principal sentences
    mark_principal: float = 0.3  # of the principal sentences; the others are unmarked


class Noise:
    """Maker of examples with random gaps in their sources."""

    def __init__(self, vocabulary: Vocabulary, rates: NoiseRates) -> None:
        self._vocabulary = vocabulary
        self._rates = rates

    def denoising(self, documents: Sequence[Document], *, rng: random.Random) -> Example:
        """Return an example of documents whose labels are principal sentences and gaps."""
        source: list[int] = []
        told: list[int] = []
        for document in documents:
            told += document.principal_ids
            place = document.principal
            middle = self._principal(document.principal_ids, rng=rng)
            source += [*document.ids[: place.start], *middle, *document.ids[place.stop :]]
        return self._framed([], source, told, infill=self._rates.infill, rng=rng)

    def piece(self, document: Document, *, max_length: int, rng: random.Random) -> Example:
        """Return a part of a document with gaps; labels are the part without gaps.

        This teaches copying fastest: after 6 million tokens of whole abstracts, a sentence in the
        source was as hard to predict as one that was not.

        Args:
            document: A random part of it is used.
            max_length: The most tokens of the part; the least are a quarter of it.
            rng: Draws place, length and gaps.
        """
        length = min(len(document.ids), rng.randint(max_length // 4, max_length))
        start = rng.randint(0, len(document.ids) - length)
        part = document.ids[start : start + length]
        return self._framed([], part, part, infill=self._rates.infill, rng=rng)

    def _principal(self, ids: Ids, *, rng: random.Random) -> Ids:
        """Return the source's form of the principal sentence: masked, marked or plain.

        Most stay in the source, many of them marked: copying is learnt late if it seldom helps.
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
        """Return an example of a text and its summary; infill above 0 adds gaps."""
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
    """Yield the gaps of a text, from left to right, with at least one token between them.

    Args:
        length: Tokens of the text.
        rate: The mean share of missing tokens.
        mean: The mean tokens of a gap; lengths have a Poisson distribution, but none is 0.
        rng: Draws lengths and places.
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
    """Return a Poisson number, by Knuth's method: uniform factors until the product is small."""
    limit = math.exp(-mean)
    count, product = 0, rng.random()
    while product > limit:
        count += 1
        product *= rng.random()
    return count
