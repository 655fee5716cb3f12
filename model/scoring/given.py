"""Given outputs that are to be read, and the results, as plain records."""

from dataclasses import dataclass

from torch import Tensor

from model.tokenizer.prompt import Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedWeights:
    """The layers, counted from 0, whose attention weights are wanted.

    Attributes:
        cross: Decoder layers, for the attention of the output to the source.
        encoder: Encoder layers, for that of the source to itself.
        decoder: Decoder layers, for that of the output to itself.
    """

    cross: tuple[int, ...] = ()
    encoder: tuple[int, ...] = ()
    decoder: tuple[int, ...] = ()


NO_WEIGHTS = WantedWeights()


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A source and an output of it, by the model itself or by anybody else.

    Attributes:
        prompt: The source, and the decoder's prefix.
        output_ids: The output without special tokens: the forced first one and the end are added.
        wanted: The attention weights that are kept.
    """

    prompt: Prompt
    output_ids: tuple[int, ...]
    wanted: WantedWeights = NO_WEIGHTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One given output as the network sees it.

        decoder reads      </s>   de_DE   Guten   Morgen
        and predicts      de_DE   Guten   Morgen  </s>

    The rows of attention weights are what the decoder reads: `prefix_ids`, then `token_ids` without
    the last. So token i is read in row len(prefix_ids) + i, and predicted in the row before that.

    Attributes:
        prefix_ids: The decoder's prefix, such as its start token.
        token_ids: What a generation of this output counts as generated: a forced first token, the
            output, and the end.
        log_probs: The log-probability of each of them; 0 for the forced one.
        cross: (layers, heads, queries, keys) float32, of the wanted layers; None if there are none.
        encoder: Likewise; queries and keys are the source's.
        decoder: Likewise; queries and keys are the decoder's.
    """

    prefix_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    log_probs: tuple[float, ...]
    cross: Tensor | None = None
    encoder: Tensor | None = None
    decoder: Tensor | None = None
