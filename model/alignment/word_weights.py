"""Attention between words, from attention between tokens."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from model.alignment.words import words
from model.tokenizer.char_spans import CharSpan


class TokenizedText(NamedTuple):
    """A text, and the characters that each of its tokens stands for.

    Attributes:
        text: The whole text.
        tokens: Spans in order; empty for a special token, and for what is not in the text.
    """

    text: str
    tokens: Sequence[CharSpan]


class CrossWeights(NamedTuple):
    """The cross-attention of a decoder that has read a given output.

    Attributes:
        source: With a span for each key: for all that the encoder read.
        output: With a span for each token of the output, without special ones around it.
        weights: (..., queries, keys), each row a query's attention. The last queries are the steps
            that read the output's tokens.
    """

    source: TokenizedText
    output: TokenizedText
    weights: Tensor


class WordWeights(NamedTuple):
    """The attention of each word of an output to each word of its source.

    Attributes:
        source_words: In order.
        target_words: In order.
        weights: (..., target words, source words) float32. Each row sums to 1, or is 0 where a word
            has no token or attends to no word.
    """

    source_words: list[CharSpan]
    target_words: list[CharSpan]
    weights: Tensor


def word_weights(attention: CrossWeights) -> WordWeights:
    """Return the attention between words.

    A word attends by the mean of its tokens, and to a word by the sum of its tokens. What goes to
    no word, but to special tokens, is left out.
    """
    source, output, weights = attention
    source_words, target_words = words(source.text), words(output.text)
    steps = weights[..., weights.shape[-2] - len(output.tokens) :, :].float()
    by_word = _membership(target_words, output.tokens) @ steps
    by_word = by_word @ _membership(source_words, source.tokens).T
    sums = by_word.sum(dim=-1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
    return WordWeights(source_words, target_words, (by_word / sums).clamp(max=1))


def _membership(words: Sequence[CharSpan], tokens: Sequence[CharSpan]) -> Tensor:
    """Return the share of each token that is in each word, (words, tokens).

    A token that reaches into several words counts for each by the same share.
    """
    rows: list[int] = []
    columns: list[int] = []
    shares: list[float] = []
    starts = [start for start, _ in words]
    for place, (start, stop) in enumerate(tokens):
        first = max(0, bisect_right(starts, start) - 1)
        first += bool(words) and words[first][1] <= start  # that word ends before the token
        touched = range(first, bisect_left(starts, stop) if start < stop else first)
        rows += touched
        columns += [place] * len(touched)
        shares += [1 / max(1, len(touched))] * len(touched)
    membership = torch.zeros(len(words), len(tokens))
    membership[rows, columns] = torch.tensor(shares)
    return membership
