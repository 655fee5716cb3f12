"""The models of `transformers` that are made of Gemma's layers: T5Gemma."""

from typing import Any

import torch
from transformers import (
    AutoModelForSeq2SeqLM,
    PreTrainedModel,
    T5GemmaConfig,
)

from tests.parity.references import Changes, Generating, ReferenceFamily

# Windows, caps and scales are so small that they have an effect.
_HALF: Changes = {
    "vocab_size": 50,
    "hidden_size": 24,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 6,
    "max_position_embeddings": 64,
    "query_pre_attn_scalar": 9,
    "sliding_window": 4,
    "attn_logit_softcapping": 3.0,
    "final_logit_softcapping": 5.0,
}
_WIDE: Changes = {
    "hidden_size": 36,
    "num_attention_heads": 6,
    "head_dim": 8,
    "intermediate_size": 20,
    "num_hidden_layers": 3,
}


def make(*, seed: int = 0, eos_bias: float = 0.0, **changes: Any) -> PreTrainedModel:
    """Make a random model; changes apply to both stacks, those under `encoder` to one."""
    torch.manual_seed(seed)
    encoder, decoder = changes.pop("encoder", {}), changes.pop("decoder", {})
    is_tied = changes.pop("tie_word_embeddings", True)
    config = T5GemmaConfig(
        encoder={**_HALF, **changes, **encoder},
        decoder={**_HALF, **changes, **decoder},
        tie_word_embeddings=is_tied,
    )
    # Any other way of computing attention leaves out the softcap.
    made: PreTrainedModel = AutoModelForSeq2SeqLM.from_config(config, attn_implementation="eager")
    made.eval()
    randomize(made, eos_bias=eos_bias)
    return made


@torch.no_grad()
def randomize(model: Any, *, eos_bias: float) -> None:
    """Set all parameters to random numbers; `eos_bias` lengthens the output's row of the end.

    The output has no bias: a longer row more often has the largest logit, and the smallest.
    """
    for name, parameter in model.named_parameters():
        parameter.normal_(std=0.4)
        if name.endswith("bias") or "norm" in name:
            parameter.mul_(0.2)
            if "post_" in name:
                parameter.add_(4.0)  # or outputs would repeat one token
        elif name.endswith(("embed_tokens.weight", "lm_head.out_proj.weight")):
            parameter.mul_(2.0 / parameter.norm(dim=1, keepdim=True))
    model.lm_head.out_proj.weight[model.config.decoder.eos_token_id] *= 1.0 + eos_bias


SHAPES: dict[str, Changes] = {
    "as usual": {},
    "windows of one token": {"sliding_window": 1},
    "all layers with a window": {"layer_types": ["sliding_attention"] * 2},
    "no layer with a window": {"layer_types": ["full_attention"] * 2},
    "a head of keys for each": {"num_key_value_heads": 4},
    "a head of keys for all": {"num_key_value_heads": 1},
    "heads wider than the model": {"head_dim": 10},
    "caps as published": {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0},
    "no caps": {"attn_logit_softcapping": None, "final_logit_softcapping": None},
    "wide encoder": {"encoder": _WIDE},
    "wide decoder": {"decoder": _WIDE},
    "scales of their own": {"encoder": {"query_pre_attn_scalar": 30}},
    "windows of their own": {"encoder": {"sliding_window": 2}, "decoder": {"sliding_window": 6}},
    "untied output": {"tie_word_embeddings": False},
    "two vocabularies": {"decoder": {"vocab_size": 60}},
    "biases in attention": {"attention_bias": True},
    "fast rotation": {"rope_parameters": {"rope_type": "default", "rope_theta": 50.0}},
    "other norms": {"rms_norm_eps": 0.1},
    "gelu": {"hidden_activation": "gelu"},
    "silu": {"hidden_activation": "silu"},
}

T5GEMMA = ReferenceFamily(
    name="t5gemma",
    make=make,
    shapes=SHAPES,
    generating={
        "as usual": Generating(eos_bias=1.0),
        "wide encoder, two ends": Generating(
            seed=4,
            eos_bias=1.0,
            changes={"encoder": _WIDE},
            generation={"eos_token_id": [1, 40]},
        ),
        "no caps": Generating(eos_bias=1.0, changes=SHAPES["no caps"]),
    },
)
FAMILIES = (T5GEMMA,)
