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
    PreTrainedModel,
)
from transformers.utils import logging

logging.disable_progress_bar()  # of saving and loading: there is one for each tiny model

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
    start = changes.get("vocab_size", _SHAPE["vocab_size"]) - 1
    ids = {"eos_token_id": 0, "pad_token_id": start, "decoder_start_token_id": start}
    return MarianMTModel(_randomly(seed, MarianConfig(**{**_SHAPE, **ids, **changes}))).eval()


def make_bart(*, seed: int = 0, **changes: Any) -> BartForConditionalGeneration:
    """As Facebook's have them: `<s>`, `<pad>`, `</s>` first, `</s>` also the decoder's start."""
    return BartForConditionalGeneration(_randomly(seed, BartConfig(**{**_SHAPE, **changes}))).eval()


def _randomly(seed: int, config: Any) -> Any:
    torch.manual_seed(seed)
    return config


@torch.no_grad()
def randomize(model: PreTrainedModel, *, std: float = 0.3) -> None:
    """Random numbers everywhere: as built, biases are all 0 and norms do nothing.

    An exchanged bias, or a norm in the wrong place, would not be seen.
    """
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue  # sinusoids
        parameter.normal_(std=std)
        if "norm" in name and name.endswith("weight"):
            parameter.add_(1.0)
    bias = cast("Tensor", model.final_logits_bias)
    bias.normal_()


def save(model: PreTrainedModel, folder: Path) -> Path:
    """config.json, generation_config.json and model.safetensors."""
    model.save_pretrained(folder)
    return folder


def generated(sequence: Tensor, eos_ids: Sequence[int]) -> list[int]:
    """The tokens of a row of `generate`, without start, end and padding."""
    tokens: list[int] = sequence.tolist()[1:]
    ends = [index for index, token in enumerate(tokens) if token in eos_ids]
    return tokens[: ends[0]] if ends else tokens
