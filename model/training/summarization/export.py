"""Writes trained weights as a Hugging Face BART checkpoint, which every BART loader reads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from model.config import TransformerConfig
from model.engine.params import GenerationParams
from model.families.bart import BART
from model.training.checkpoint import hf_shape, write_json, write_weights
from model.training.summarization.vocabulary import Vocabulary
from model.transformer.seq2seq import Seq2SeqTransformer


def export_bart(
    network: Seq2SeqTransformer,
    vocabulary: Vocabulary,
    folder: Path,
    *,
    decoding: GenerationParams,
    dtype: torch.dtype = torch.bfloat16,
) -> None:
    """Write configuration, weights and tokenizer; overwrite existing files.

    Args:
        network: Trained, of BART's form.
        vocabulary: The one it was trained with.
        folder: Made if needed.
        decoding: The default search.
        dtype: The type of the weights on disk.
    """
    vocabulary.save(folder)
    config = network.config
    write_json(folder / "config.json", hf_config(config, vocabulary, dtype=dtype))
    write_json(folder / "generation_config.json", generation_config(vocabulary, decoding))
    write_weights(network, BART.weights(config), folder, dtype=dtype)


def hf_config(
    config: TransformerConfig, vocabulary: Vocabulary, *, dtype: torch.dtype
) -> Mapping[str, Any]:
    """Return config.json: the shape of the network, and the ids of its special tokens."""
    return {
        "architectures": ["BartForConditionalGeneration"],
        "model_type": "bart",
        **hf_shape(config),
        "bos_token_id": vocabulary.bos_id,
        "eos_token_id": vocabulary.eos_id,
        "pad_token_id": vocabulary.pad_id,
        "decoder_start_token_id": vocabulary.eos_id,
        "forced_eos_token_id": vocabulary.eos_id,
        "dtype": str(dtype).removeprefix("torch."),
    }


def generation_config(vocabulary: Vocabulary, decoding: GenerationParams) -> Mapping[str, Any]:
    """Return generation_config.json: the defaults of generation."""
    return {
        "num_beams": decoding.num_beams,
        "length_penalty": decoding.length_penalty,
        "no_repeat_ngram_size": decoding.no_repeat_ngram_size,
        "min_new_tokens": decoding.min_new_tokens,
        "max_length": decoding.max_new_tokens + 1,  # the start token counts there
        "suppress_tokens": [vocabulary.pad_id, *vocabulary.unwritten_ids],
        "bos_token_id": vocabulary.bos_id,
        "eos_token_id": vocabulary.eos_id,
        "pad_token_id": vocabulary.pad_id,
        "decoder_start_token_id": vocabulary.eos_id,
        "forced_bos_token_id": vocabulary.bos_id,
        "forced_eos_token_id": vocabulary.eos_id,
    }
