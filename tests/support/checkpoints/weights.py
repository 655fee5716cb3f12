"""Loads networks from tensors, and lists the problems of those that do not fit."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from model.errors import CheckpointError
from model.families.registry import family_of
from model.transformer.packing import Packing
from model.transformer.seq2seq import Seq2SeqTransformer
from model.weights.checkpoint import Checkpoint
from model.weights.loading import load_network
from tests.support.checkpoints.factories import (
    Json,
    fresh_network,
    marian_config,
    tensors_of,
    write_tensors,
)

UNTIED = {"tie_word_embeddings": False}
TWO_TABLES = {"share_encoder_decoder_embeddings": False, "decoder_vocab_size": 40}
SHARED, OUTPUT = "model.shared.weight", "lm_head.weight"
ENCODER_TABLE, DECODER_TABLE = (
    "model.encoder.embed_tokens.weight",
    "model.decoder.embed_tokens.weight",
)


def marian_tensors(**changes: Any) -> dict[str, Tensor]:
    hf_config = marian_config(**changes)
    return tensors_of(fresh_network(hf_config), family_of(hf_config))


def load_tensors(
    folder: Path,
    hf_config: Json,
    tensors: Mapping[str, Tensor] | None = None,
    *,
    dtype: torch.dtype = torch.float32,
    packing: Packing | None = None,
) -> Seq2SeqTransformer:
    """Load the folder's network, after writing the tensors if there are any."""
    if tensors is not None:
        write_tensors(folder, tensors)
    family = family_of(hf_config)
    config = family.architecture(hf_config)
    device = torch.device("cpu")
    weights = family.weights(config)
    return load_network(
        config, Checkpoint(folder), weights, dtype=dtype, device=device, packing=packing
    )


def problems_of(folder: Path, hf_config: Json, tensors: Mapping[str, Tensor]) -> list[str]:
    """Return the lines of the error, without its headline."""
    with pytest.raises(CheckpointError, match="the checkpoint does not fit its config") as refusal:
        load_tensors(folder, hf_config, tensors)
    return [line.strip() for line in str(refusal.value).splitlines()[1:]]
