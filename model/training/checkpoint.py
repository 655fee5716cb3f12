"""Writes a network as a Hugging Face checkpoint: the parts that its families share."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from model.config import TransformerConfig
from model.transformer.seq2seq import Seq2SeqTransformer
from model.weights.weight_map import WeightMap


def write_weights(
    network: Seq2SeqTransformer, weights: WeightMap, folder: Path, *, dtype: torch.dtype
) -> None:
    """Write model.safetensors.

    Args:
        network: A trained network.
        weights: The family's names of the parameters.
        folder: An existing folder.
        dtype: The type of the weights on disk.
    """
    tensors = {name: tensor.to(dtype) for name, tensor in hf_tensors(network, weights).items()}
    path = folder / "model.safetensors"
    save_file(tensors, path, metadata={"format": "pt"})
    path.chmod(0o644)  # safetensors makes it readable for its owner only


def hf_tensors(network: Seq2SeqTransformer, weights: WeightMap) -> dict[str, Tensor]:
    """Return our parameters under the names and in the parts of the family's checkpoints.

    The inverse of loading: what loading concatenates is split again.
    """
    tensors: dict[str, Tensor] = {}
    for name, parameter in network.named_parameters():
        sources = weights.sources(name, available=())
        parts = parameter.detach().cpu().chunk(len(sources))
        tensors |= {source: part.contiguous() for source, part in zip(sources, parts, strict=True)}
    tensors["final_logits_bias"] = tensors["final_logits_bias"][None]  # (1, vocab), as theirs
    return tensors


def hf_shape(config: TransformerConfig) -> dict[str, Any]:
    """Return the part of config.json that describes the network's size."""
    stacks = {
        f"{side}_{key}": value
        for side, stack in (("encoder", config.encoder), ("decoder", config.decoder))
        for key, value in (
            ("layers", stack.num_layers),
            ("attention_heads", stack.num_heads),
            ("ffn_dim", stack.d_ff),
            ("layerdrop", 0.0),
        )
    }
    return {
        "is_encoder_decoder": True,
        "vocab_size": config.vocab_size,
        "d_model": config.d_model,
        **stacks,
        "num_hidden_layers": config.encoder.num_layers,
        "max_position_embeddings": config.max_positions,
        "activation_function": config.activation.value,
        "scale_embedding": config.scaled_embeddings,
        "tie_word_embeddings": config.tied_output,
        "normalize_before": config.norm.placement == "pre",
        "normalize_embedding": config.embedding_norm,
        "add_final_layer_norm": config.final_norm,
        "dropout": config.dropout,
        "attention_dropout": 0.0,
        "activation_dropout": 0.0,
        "init_std": 0.02,
        "use_cache": True,
    }


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON, indented as by `transformers`."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8", newline="\n")
