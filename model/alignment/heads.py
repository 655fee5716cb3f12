"""Finds the attention heads that align words, from outputs whose alignment is known.

Heads differ in what they do: some attend to the word that comes next, some to the end of the
source, and some to the word that was just read, which makes the best alignment ("Accurate Word
Alignment Induction from Neural Machine Translation", Chen et al., 2020). Which heads those are
differs between models. Here a model reads lists of names and numbers, which are alike in all
languages, and as their output the same words in another order. So each word's partner is known,
and is not at its own place.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from model.alignment.word_weights import CrossWeights, word_weights
from model.config import TransformerConfig
from model.errors import ConfigError

_LISTS = (
    "Maria Berlin Peter Tokyo Anna Paris David",
    "Madrid Laura Robert London Sofia Emma 1984",
    "250 36 Roma Wien 7 Tom 12",
)
_ORDERS = ((3, 0, 5, 2, 6, 1, 4), (5, 2, 0, 6, 3, 4, 1), (1, 4, 6, 0, 2, 3, 5))
_LEAST_SHARE = 0.8  # of the best head's score; the bundled translator's second has 0.4
_MOST_HEADS = 4

# What a model reads so that its heads can be chosen: sources, and an output of each.
PROBES: tuple[tuple[str, str], ...] = tuple(
    (", ".join(names) + ".", ", ".join(names[place] for place in order) + ".")
    for names, order in zip(map(str.split, _LISTS), _ORDERS, strict=True)
)


class Head(NamedTuple):
    """A head of the decoder's cross-attention, both numbers counted from 0."""

    layer: int
    head: int


def choose_heads(probes: Iterable[CrossWeights], config: TransformerConfig) -> tuple[Head, ...]:
    """Return the heads of a model that align best, best first.

    The same model always has the same heads. One that aligns nothing, such as an untrained one,
    has some all the same, and so has one that no probe fits into.

    Args:
        probes: The attention of all layers, (layers, heads, queries, keys), for each of `PROBES`,
            read for any task of the model.
        config: The network's.
    """
    scores = torch.zeros(config.decoder.num_layers, config.decoder.num_heads)
    for probe in probes:
        scores += _scores(probe)
    best = scores.flatten().argsort(descending=True, stable=True)[:_MOST_HEADS].tolist()
    heads = [Head(*divmod(place, scores.shape[1])) for place in best]
    least = _LEAST_SHARE * float(scores[heads[0]])
    return tuple(head for head in heads if float(scores[head]) >= least)


def check_heads(heads: Sequence[Head], config: TransformerConfig) -> None:
    """Check that a network has these heads.

    Raises:
        ConfigError: It has not; the message names the limit.
    """
    num_layers, num_heads = config.decoder.num_layers, config.decoder.num_heads
    for layer, head in heads:
        for name, number, count in (("layer", layer, num_layers), ("head", head, num_heads)):
            if number >= count:
                raise ConfigError(
                    f"[{layer}, {head}] has {name} {number}, but the decoder has {count}, "
                    f"0 to {count - 1}"
                )


def _scores(probe: CrossWeights) -> Tensor:
    """Return each head's mean attention from a word to the same word, (layers, heads)."""
    source_words, target_words, weights = word_weights(probe)
    source, output = probe.source.text, probe.output.text
    places = {source[slice(*span)]: place for place, span in enumerate(source_words)}
    names = [(place, output[slice(*span)]) for place, span in enumerate(target_words)]
    pairs = [(place, places[name]) for place, name in names if name.isalnum() and name in places]
    targets, sources = [target for target, _ in pairs], [source for _, source in pairs]
    return weights[..., targets, sources].sum(dim=-1) / max(1, len(pairs))
