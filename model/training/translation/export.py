"""Writes trained weights as a Hugging Face Marian checkpoint, which every Marian loader reads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from model.config import TransformerConfig
from model.families.marian import MARIAN
from model.load import load_model
from model.training.checkpoint import hf_shape, write_json, write_weights
from model.training.translation.vocabulary import Vocabulary, load_vocabulary
from model.transformer.seq2seq import Seq2SeqTransformer

DEFAULT_BEAMS = 4


def export_marian(
    network: Seq2SeqTransformer,
    vocabulary: Vocabulary,
    folder: Path,
    *,
    dtype: torch.dtype = torch.bfloat16,
) -> None:
    """Write configuration, weights and tokenizer; overwrite existing files.

    Args:
        network: Trained, of Marian's form.
        vocabulary: The one it was trained with.
        folder: Made if needed.
        dtype: The type of the weights on disk.
    """
    vocabulary.save(folder, unlearned=vocabulary.unlearned(network.embedding.weight.detach()))
    config = network.config
    write_json(folder / "config.json", hf_config(config, vocabulary, dtype=dtype))
    write_json(folder / "generation_config.json", generation_config(config, vocabulary))
    write_weights(network, MARIAN.weights(config), folder, dtype=dtype)


def rewrite_tokenizer(folder: Path) -> None:
    """Write the tokenizer's files of a checkpoint anew, with look-alikes for all that it lacks."""
    network = load_model(folder, dtype="float32", device="cpu", packs=False).network
    vocabulary = load_vocabulary(folder, adds_lookalikes=True)
    vocabulary.save(folder, unlearned=vocabulary.unlearned(network.embedding.weight.detach()))


def hf_config(
    config: TransformerConfig, vocabulary: Vocabulary, *, dtype: torch.dtype
) -> Mapping[str, Any]:
    """Return config.json: the shape of the network, and the ids of its special tokens."""
    return {
        "architectures": ["MarianMTModel"],
        "model_type": "marian",
        **hf_shape(config),
        "decoder_vocab_size": config.target_vocab_size,
        "share_encoder_decoder_embeddings": config.shared_embeddings,
        "static_position_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": vocabulary.eos_id,
        "pad_token_id": vocabulary.pad_id,
        "decoder_start_token_id": vocabulary.pad_id,
        "forced_eos_token_id": vocabulary.eos_id,
        "dtype": str(dtype).removeprefix("torch."),
    }


def generation_config(config: TransformerConfig, vocabulary: Vocabulary) -> Mapping[str, Any]:
    """Return generation_config.json: the defaults of generation."""
    return {
        "num_beams": DEFAULT_BEAMS,
        "max_length": config.max_positions,
        "bad_words_ids": [[vocabulary.pad_id], [vocabulary.unk_id]],
        "eos_token_id": vocabulary.eos_id,
        "pad_token_id": vocabulary.pad_id,
        "decoder_start_token_id": vocabulary.pad_id,
        "forced_eos_token_id": vocabulary.eos_id,
    }
