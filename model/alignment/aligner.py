"""Links between the words of a source and of an output, from cross-attention."""

from collections.abc import Sequence
from typing import NamedTuple

from model.alignment.heads import Head
from model.alignment.word_weights import CrossWeights, word_weights
from model.tokenizer.char_spans import CharSpan

# From 0.05 to 0.3 the error differs by less than 0.01, on either half of the gold pairs in
# tests/model/alignment/. Links from the source's words alone have an error smaller by 0.006, but
# leave out the second part of a separable verb.
_LEAST_WEIGHT = 0.1


class WordLink(NamedTuple):
    """A word of the source and a word of the output that translate each other.

    Attributes:
        source: Its characters in the source.
        target: Its characters in the output's text.
        weight: 0 to 1, the share of the target word's attention that the source word has.
    """

    source: CharSpan
    target: CharSpan
    weight: float


class Aligner:
    """Aligner of the words of one model's outputs.

    A word of the output is linked to the source word that it attends to most, and a word of the
    source to the word of the output that attends to it most: so words of either side may have
    several links, and every word has one unless nothing attends to it.

    Attributes:
        layers: The decoder layers whose attention is needed, ascending.
    """

    def __init__(self, heads: Sequence[Head]) -> None:
        """Take the heads to average; there is at least one."""
        self.layers: tuple[int, ...] = tuple(sorted({layer for layer, _ in heads}))
        self._layers = [self.layers.index(layer) for layer, _ in heads]
        self._heads = [head for _, head in heads]

    def links(self, attention: CrossWeights) -> list[WordLink]:
        """Return the links, ordered by their place in the source and then in the output.

        Args:
            attention: That of `layers` alone, in their order: (layers, heads, queries, keys).
        """
        mean = attention.weights[self._layers, self._heads].mean(dim=0)
        source_words, target_words, by_word = word_weights(attention._replace(weights=mean))
        if not (source_words and target_words):
            return []
        pairs = {(place, target) for target, place in enumerate(by_word.argmax(dim=1).tolist())}
        pairs |= set(enumerate(by_word.argmax(dim=0).tolist()))
        weights = by_word.tolist()
        return [
            WordLink(source_words[place], target_words[target], weights[target][place])
            for place, target in sorted(pairs)
            if weights[target][place] >= _LEAST_WEIGHT
        ]
