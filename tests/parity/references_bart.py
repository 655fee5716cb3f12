"""The models of `transformers` that descend from fairseq's: Marian, BART and BART's descendants."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    M2M100Config,
    M2M100ForConditionalGeneration,
    MarianConfig,
    MarianMTModel,
    MBartConfig,
    MBartForConditionalGeneration,
    PegasusConfig,
    PegasusForConditionalGeneration,
    PLBartConfig,
    PLBartForConditionalGeneration,
    PreTrainedModel,
)

from tests.parity.references import Changes, Generating, ReferenceFamily

_SHAPE: Changes = {
    "vocab_size": 50,
    "d_model": 24,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 3,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 40,
    "max_position_embeddings": 64,
}
# As OPUS-MT has them: no start of sentence, padding last and also the decoder's start.
_MARIAN_IDS: Changes = {"eos_token_id": 0, "pad_token_id": 49, "decoder_start_token_id": 49}
# For generating: with few words, or where layers add little, a random network repeats one of them.
_MARIAN_OF_125: Changes = {
    "vocab_size": 125,
    "pad_token_id": 124,
    "decoder_start_token_id": 124,
    "scale_embedding": True,
}
_BART_OF_300: Changes = {"vocab_size": 300, "scale_embedding": True}
_SCALED: Changes = {"scale_embedding": True}  # as built, only M2M100 does so


def _maker(model: Any, config: Any, **defaults: Any) -> Callable[..., PreTrainedModel]:
    def make(*, seed: int = 0, eos_bias: float = 0.0, **changes: Any) -> PreTrainedModel:
        torch.manual_seed(seed)
        made: PreTrainedModel = model(config(**{**_SHAPE, **defaults, **changes}))
        made.eval()
        randomize(made, eos_bias=eos_bias)
        return made

    return make


@torch.no_grad()
def randomize(model: PreTrainedModel, *, eos_bias: float) -> None:
    """Set all parameters to random numbers, such that outputs vary.

    In a new network biases are 0 and norms do nothing: an exchanged bias, or a norm in the wrong
    place, would not be seen. A random network repeats one token if some row of the output table is
    longer than all others, or if its layers add little to a token's vector.
    """
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue  # sinusoids
        parameter.normal_(std=0.4)
        if name.endswith("bias"):
            parameter.mul_(0.2)
        elif "norm" in name:
            parameter.mul_(0.2).add_(1.0)
        elif name.endswith(("fc2.weight", "embed_positions.weight")):
            parameter.mul_(3.0)
        elif name.endswith(("shared.weight", "embed_tokens.weight", "lm_head.weight")):
            parameter.mul_(2.0 / parameter.norm(dim=1, keepdim=True))
    _add_eos_bias(model, eos_bias)


def _add_eos_bias(model: Any, eos_bias: float) -> None:
    eos_id, bias = model.config.eos_token_id, getattr(model, "final_logits_bias", None)
    if bias is not None:
        bias.normal_(std=0.5)
        bias[0, eos_id] += eos_bias
        return
    # M2M100 has no such bias: what its last norm adds to every vector says "end" as well.
    row: Tensor = model.lm_head.weight[eos_id]
    model.model.decoder.layer_norm.bias += eos_bias * row / row.square().sum()


SHAPES: Mapping[str, Changes] = {
    "as usual": {},
    "one layer, one head": {
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_attention_heads": 1,
        "decoder_attention_heads": 1,
    },
    "deep encoder, shallow decoder": {"encoder_layers": 4, "decoder_layers": 1},
    "shallow encoder, deep decoder": {"encoder_layers": 1, "decoder_layers": 3},
    "heads of 7 and of 3": {
        "d_model": 21,
        "encoder_attention_heads": 3,
        "decoder_attention_heads": 7,
    },
    "an odd width, heads of 1": {
        "d_model": 15,
        "encoder_attention_heads": 15,
        "decoder_attention_heads": 5,
    },
    "other special tokens": {
        "pad_token_id": 5,
        "eos_token_id": 7,
        "bos_token_id": 8,
        "decoder_start_token_id": 3,
    },
    "untied output": {"tie_word_embeddings": False},
    "scaled embeddings": {"scale_embedding": True},
    "plain embeddings": {"scale_embedding": False},
    "relu": {"activation_function": "relu"},
    "gelu": {"activation_function": "gelu"},
    "gelu by tanh": {"activation_function": "gelu_new"},
    "swish": {"activation_function": "swish"},
}
MARIAN_SHAPES: Mapping[str, Changes] = {
    **SHAPES,
    "two vocabularies": {"share_encoder_decoder_embeddings": False, "decoder_vocab_size": 60},
    "a table for each side of one vocabulary": {"share_encoder_decoder_embeddings": False},
    "two vocabularies, untied output": {
        "share_encoder_decoder_embeddings": False,
        "decoder_vocab_size": 60,
        "tie_word_embeddings": False,
    },
}
DISTILBART: Changes = {"encoder_layers": 12, "decoder_layers": 6}  # every other layer is left out
_TWO_AND_ONE: Changes = {"encoder_layers": 2, "decoder_layers": 1}

MARIAN = ReferenceFamily(
    name="marian",
    make=_maker(MarianMTModel, MarianConfig, **_MARIAN_IDS),
    shapes=MARIAN_SHAPES,
    generating={
        "end forced": Generating(
            seed=10,
            eos_bias=3.0,
            changes=_MARIAN_OF_125,
            generation={"bad_words_ids": [[124]], "forced_eos_token_id": 0},
            is_exemplary=True,
        ),
        "nothing forced": Generating(
            eos_bias=3.0,
            changes=_MARIAN_OF_125,
            generation={"bad_words_ids": [[124]], "forced_eos_token_id": None},
        ),
    },
)
BART = ReferenceFamily(
    name="bart",
    make=_maker(BartForConditionalGeneration, BartConfig),
    shapes={**SHAPES, "distilled": DISTILBART},
    generating={
        "start and end forced": Generating(
            seed=3,
            eos_bias=4.5,
            changes=_BART_OF_300,
            generation={"forced_bos_token_id": 0, "forced_eos_token_id": 2},
            is_exemplary=True,
        ),
        "two ends": Generating(
            seed=3,
            eos_bias=5.0,
            changes=_BART_OF_300,
            generation={"eos_token_id": [2, 40], "forced_eos_token_id": None},
        ),
        "distilled": Generating(seed=0, eos_bias=4.0, changes={**_BART_OF_300, **_TWO_AND_ONE}),
    },
)
MBART = ReferenceFamily(
    name="mbart",
    make=_maker(MBartForConditionalGeneration, MBartConfig),
    shapes=SHAPES,
    generating={
        "25": Generating(seed=4, eos_bias=2.0, changes={**_SCALED, "decoder_start_token_id": 45}),
        "50": Generating(
            seed=1,
            eos_bias=2.0,
            changes={**_SCALED, "decoder_start_token_id": 2},
            forced_ids=(45, 46, 47),
        ),
    },
)
PEGASUS = ReferenceFamily(
    name="pegasus",
    make=_maker(PegasusForConditionalGeneration, PegasusConfig),
    shapes=SHAPES,
    generating={"end forced": Generating(seed=2, eos_bias=4.0, changes=_SCALED)},
)
# No trained model does. M2M100 of `transformers` would not number the padding's position.
_SAYS_NO_PADDING: Changes = {"bad_words_ids": [[1]]}
M2M100 = ReferenceFamily(
    name="m2m100",
    make=_maker(M2M100ForConditionalGeneration, M2M100Config),
    shapes=SHAPES,
    generating={
        "forced by prompts": Generating(
            seed=2, eos_bias=3.0, generation=_SAYS_NO_PADDING, forced_ids=(45, 46, 47)
        ),
        "forced by the checkpoint": Generating(
            seed=1,
            eos_bias=4.0,
            generation={**_SAYS_NO_PADDING, "forced_bos_token_id": 44, "forced_eos_token_id": 2},
        ),
    },
)
PLBART = ReferenceFamily(
    name="plbart",
    make=_maker(PLBartForConditionalGeneration, PLBartConfig),
    shapes=SHAPES,
    generating={
        "tag to start with": Generating(
            seed=3, eos_bias=4.0, changes={**_BART_OF_300, "decoder_start_token_id": 45}
        ),
    },
)
FAMILIES = (MARIAN, BART, MBART, PEGASUS, M2M100, PLBART)
