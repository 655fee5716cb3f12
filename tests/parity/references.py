"""Tiny random models of `transformers`, saved as checkpoints: what ours are compared with."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    MarianConfig,
    MarianMTModel,
)
from transformers.utils import logging

logging.disable_progress_bar()  # of saving and loading: there is one for each tiny model

Reference = MarianMTModel | BartForConditionalGeneration

_SHAPE: Mapping[str, Any] = {
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


def make_marian(*, seed: int = 0, **changes: Any) -> MarianMTModel:
    """As OPUS-MT has them: no start of sentence, padding last and also the decoder's start."""
    torch.manual_seed(seed)
    start = changes.get("vocab_size", _SHAPE["vocab_size"]) - 1
    ids = {"eos_token_id": 0, "pad_token_id": start, "decoder_start_token_id": start}
    model = MarianMTModel(MarianConfig(**{**_SHAPE, **ids, **changes}))
    model.eval()
    return model


def make_bart(*, seed: int = 0, **changes: Any) -> BartForConditionalGeneration:
    """As Facebook's have them: `<s>`, `<pad>`, `</s>` first, `</s>` also the decoder's start."""
    torch.manual_seed(seed)
    model = BartForConditionalGeneration(BartConfig(**{**_SHAPE, **changes}))
    model.eval()
    return model


@torch.no_grad()
def randomize(model: Reference, *, eos_bias: float = 0.0) -> None:
    """Random numbers everywhere, such that outputs vary; `eos_bias` makes some of them end.

    As built, biases are all 0 and norms do nothing: an exchanged bias, or a norm in the wrong
    place, would not be seen. And a random network says one token over and over if some row of the
    output table is longer than all others, or if what it adds to a token's vector is much shorter.
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
    bias = cast("Tensor", model.final_logits_bias)
    bias.normal_(std=0.5)
    bias[0, model.config.eos_token_id] += eos_bias


def save(model: Reference, folder: Path) -> Path:
    """config.json, generation_config.json and model.safetensors."""
    model.save_pretrained(folder)
    return folder


def generated(sequence: Tensor, eos_ids: Sequence[int]) -> list[int]:
    """The tokens of a row of `generate`, without start, end and padding."""
    tokens: list[int] = sequence.tolist()[1:]
    ends = [index for index, token in enumerate(tokens) if token in eos_ids]
    return tokens[: ends[0]] if ends else tokens
