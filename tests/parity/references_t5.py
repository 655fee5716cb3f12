"""The models of `transformers` that descend from T5: T5 1.0 and 1.1, mT5, umT5."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from transformers import (
    MT5Config,
    MT5ForConditionalGeneration,
    PreTrainedModel,
    T5Config,
    T5ForConditionalGeneration,
    UMT5Config,
    UMT5ForConditionalGeneration,
)

from tests.parity.references import Changes, Generating, ReferenceFamily

# Heads whose width is not the model's divided by their number, and so few buckets up to so small a
# distance that sequences of 13 tokens go beyond it.
_SHAPE: Changes = {
    "vocab_size": 50,
    "d_model": 24,
    "d_kv": 5,
    "d_ff": 40,
    "num_layers": 2,
    "num_decoder_layers": 2,
    "num_heads": 3,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 9,
    "n_positions": 64,
    "decoder_start_token_id": 0,
}
UNTIED: Changes = {"has_own_output": True}
V1_1: Changes = {**UNTIED, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
# With a cache, `generate` of `transformers` fails where the decoder is deeper than the encoder.
NO_CACHE: Changes = {"use_cache": False}


def _maker(model: Any, config: Any) -> Callable[..., PreTrainedModel]:
    def make(
        *, seed: int = 0, eos_bias: float = 0.0, has_own_output: bool = False, **changes: Any
    ) -> PreTrainedModel:
        """Make a random model; `has_own_output` unties it, which `transformers` does not."""
        torch.manual_seed(seed)
        made: Any = model(config(**{**_SHAPE, **changes}))
        if has_own_output:
            made.lm_head.weight = nn.Parameter(torch.empty_like(made.shared.weight))
        made.eval()
        randomize(made, eos_bias=eos_bias)
        result: PreTrainedModel = made
        return result

    return make


@torch.no_grad()
def randomize(model: Any, *, eos_bias: float) -> None:
    """Set all parameters to random numbers; `eos_bias` lengthens the output's row of the end.

    Queries are short, as scores are not divided by sqrt(d_head). If logits are divided by
    sqrt(d_model), tables and the outputs of layers are larger.
    """
    is_scaled = isinstance(model, UMT5ForConditionalGeneration) or getattr(
        model.config, "scale_decoder_outputs", False
    )
    factor = model.config.d_model**0.5 if is_scaled else 1.0
    for name, parameter in model.named_parameters():
        parameter.normal_(std=0.4)
        if "layer_norm" in name:
            parameter.mul_(0.5).add_(1.0)
        elif name.endswith("SelfAttention.q.weight"):
            parameter.mul_(0.5)
        elif "relative_attention_bias" in name:
            parameter.mul_(3.0)
        elif name.endswith((".o.weight", ".wo.weight")):
            parameter.mul_(2.0 * factor)
        elif name.endswith(("shared.weight", "lm_head.weight")):
            parameter.mul_(2.0 * factor / parameter.norm(dim=1, keepdim=True))
    model.lm_head.weight[model.config.eos_token_id] *= 1.0 + eos_bias


SHAPES: Mapping[str, Changes] = {
    "as usual": {},
    "its own output": UNTIED,
    "one layer, one head": {"num_layers": 1, "num_decoder_layers": 1, "num_heads": 1},
    "shallow encoder, deep decoder": {"num_layers": 1, "num_decoder_layers": 3},
    "deep encoder, shallow decoder": {"num_layers": 3, "num_decoder_layers": 1},
    "as deep as the encoder": {"num_layers": 3, "num_decoder_layers": None},
    "heads wider than the model": {"num_heads": 4, "d_kv": 16},
    "heads of 1": {"num_heads": 7, "d_kv": 1},
    "an odd number of buckets": {"relative_attention_num_buckets": 7},
    "buckets up to a distance that is not reached": {
        "relative_attention_num_buckets": 32,
        "relative_attention_max_distance": 128,
    },
    "other special tokens": {"pad_token_id": 5, "eos_token_id": 7, "decoder_start_token_id": 3},
    "other norms": {"layer_norm_epsilon": 0.1},
    "relu": {"feed_forward_proj": "relu"},
    "gelu": {"feed_forward_proj": "gelu"},
    "silu": {"feed_forward_proj": "silu"},
    "gated gelu, which is by tanh": {"feed_forward_proj": "gated-gelu"},
    "gated silu": {"feed_forward_proj": "gated-silu"},
    "gated relu": {"feed_forward_proj": "gated-relu"},
}
T5_SHAPES: Mapping[str, Changes] = {
    **SHAPES,
    "1.1": V1_1,
    "1.1, tied nevertheless": {**V1_1, "has_own_output": False},
}

T5 = ReferenceFamily(
    name="t5",
    make=_maker(T5ForConditionalGeneration, T5Config),
    shapes=T5_SHAPES,
    generating={
        "1.0": Generating(seed=11, eos_bias=0.6),
        "1.1": Generating(seed=5, eos_bias=1.0, changes=V1_1),
        "deep decoder": Generating(
            seed=3,
            eos_bias=1.0,
            changes={**V1_1, **SHAPES["shallow encoder, deep decoder"]},
            generation=NO_CACHE,
        ),
    },
)
MT5 = ReferenceFamily(
    name="mt5",
    make=_maker(MT5ForConditionalGeneration, MT5Config),
    shapes=SHAPES,
    generating={"its own output": Generating(seed=4, eos_bias=1.0, changes=UNTIED)},
)
UMT5 = ReferenceFamily(
    name="umt5",
    make=_maker(UMT5ForConditionalGeneration, UMT5Config),
    shapes=SHAPES,
    generating={
        "its own output": Generating(seed=4, eos_bias=0.6, changes=UNTIED),
        "shallow decoder": Generating(
            seed=1, eos_bias=0.6, changes=SHAPES["deep encoder, shallow decoder"]
        ),
    },
)
FAMILIES = (T5, MT5, UMT5)
