"""Tiny checkpoints in Hugging Face's format, written without its library."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from model.families.family import Family, HfConfig
from model.families.prompting import Prompter
from model.families.registry import family_of
from model.tokenizer.languages import LanguageTags
from model.tokenizer.tokenizer import Tokenizer
from model.transformer.seq2seq import Seq2SeqTransformer
from model.weights.files import SINGLE_FILE

Json = dict[str, Any]

_SHAPE: Json = {
    "vocab_size": 30,
    "d_model": 12,
    "encoder_layers": 2,
    "encoder_attention_heads": 3,
    "encoder_ffn_dim": 20,
    "decoder_layers": 1,
    "decoder_attention_heads": 2,
    "decoder_ffn_dim": 16,
    "max_position_embeddings": 32,
}


def marian_config(**changes: Any) -> Json:
    """Return config.json of a Marian model."""
    return {
        **_SHAPE,
        "model_type": "marian",
        "activation_function": "swish",
        "scale_embedding": True,
        "eos_token_id": 0,
        "pad_token_id": 29,
        "decoder_start_token_id": 29,
        "bad_words_ids": [[29]],
        **changes,
    }


def bart_config(**changes: Any) -> Json:
    """Return config.json of a BART model."""
    return {
        **_SHAPE,
        "model_type": "bart",
        "bos_token_id": 0,
        "pad_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 2,
        "forced_bos_token_id": 0,
        "forced_eos_token_id": 2,
        **changes,
    }


def mbart_config(**changes: Any) -> Json:
    """Return config.json of an mBART-50 model; another decoder start makes it an mBART-25."""
    return {**bart_config(forced_bos_token_id=None), "model_type": "mbart", **changes}


def pegasus_config(**changes: Any) -> Json:
    """Return config.json of a PEGASUS model."""
    return {
        **_SHAPE,
        "model_type": "pegasus",
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
        "forced_eos_token_id": 1,
        **changes,
    }


def m2m100_config(**changes: Any) -> Json:
    """Return config.json of an M2M100 or NLLB-200 model."""
    return {
        **_SHAPE,
        "model_type": "m2m_100",
        "activation_function": "relu",
        "scale_embedding": True,
        "bos_token_id": 0,
        "pad_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 2,
        **changes,
    }


def t5_config(**changes: Any) -> Json:
    """Return config.json of a T5 with required keys only, as in the first checkpoints."""
    return {
        "model_type": "t5",
        "vocab_size": 30,
        "d_model": 16,
        "d_kv": 5,
        "d_ff": 20,
        "num_layers": 3,
        "num_heads": 2,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
        **changes,
    }


def make_prompter(family: Family, tokenizer: Tokenizer, hf_config: HfConfig) -> Prompter:
    """Return a prompter as `load_model` makes it."""
    return Prompter(
        layout=family.layout(hf_config),
        tokenizer=tokenizer,
        languages=LanguageTags(tokenizer.added_tokens, pattern=family.language_tag),
        hf_config=hf_config,
    )


def fresh_network(hf_config: Json, *, seed: int = 0) -> Seq2SeqTransformer:
    """Return the network of a config.json, with random weights."""
    torch.manual_seed(seed)
    network = Seq2SeqTransformer(family_of(hf_config).architecture(hf_config))
    for parameter in network.parameters():
        parameter.data.normal_(std=0.3)
    return network.eval().requires_grad_(requires_grad=False)


def tensors_of(network: Seq2SeqTransformer, family: Family) -> dict[str, Tensor]:
    """Return the parameters as `model.safetensors` holds them: the inverse of loading."""
    weights = family.weights(network.config)
    tensors: dict[str, Tensor] = {}
    for name, parameter in network.named_parameters():
        sources = weights.sources(name, available=())
        parts = parameter.detach().clone().chunk(len(sources))
        tensors.update(zip(sources, parts, strict=True))
    if "final_logits_bias" in tensors:
        tensors["final_logits_bias"] = tensors["final_logits_bias"][None]
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def write_json(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def write_tensors(folder: Path, tensors: Mapping[str, Tensor], *, name: str = SINGLE_FILE) -> Path:
    """Write a safetensors file; make its folder if needed."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(dict(tensors), folder / name, metadata={"format": "pt"})
    return folder / name


def write_checkpoint(folder: Path, hf_config: Json, *, seed: int = 0) -> Seq2SeqTransformer:
    """Write config.json and weights, no tokenizer; return the network."""
    network = fresh_network(hf_config, seed=seed)
    write_tensors(folder, tensors_of(network, family_of(hf_config)))
    write_json(folder / "config.json", hf_config)
    return network


def edit_config(folder: Path, **changes: object) -> None:
    """Change keys of a folder's config.json; None removes one."""
    path = folder / "config.json"
    config = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    write_json(path, {key: value for key, value in config.items() if value is not None})
