"""A random checkpoint larger than the memory one would like to spend on making it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from loadtests.checkpoint import EOS_ID, Shape, write_vocabulary
from model.families.registry import family_of
from model.transformer.seq2seq import Seq2SeqTransformer
from model.weights.checkpoint import INDEX_FILE

_SHARD_BYTES = 1 << 29
_MAX_POSITIONS = 512
_NEVER = -1e4  # added to the logit of a token that must not be chosen


def write_shards(shape: Shape, folder: Path, *, dtype: torch.dtype) -> int:
    """Writes a checkpoint in Marian's format, a shard at a time, and returns its bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    hf_config = _hf_config(shape)
    (folder / "config.json").write_text(json.dumps(hf_config))
    write_vocabulary(shape, folder)
    files: dict[str, str] = {}
    shard: dict[str, Tensor] = {}
    num_bytes = 0
    for name, tensor in _tensors(shape, hf_config):
        shard[name] = tensor.to(dtype)
        num_bytes += shard[name].nbytes
        if sum(tensor.nbytes for tensor in shard.values()) >= _SHARD_BYTES:
            files |= _save(shard, folder, number=len(set(files.values())))
            shard = {}
    files |= _save(shard, folder, number=len(set(files.values())))
    (folder / INDEX_FILE).write_text(json.dumps({"metadata": {}, "weight_map": files}))
    return num_bytes


def _save(shard: dict[str, Tensor], folder: Path, *, number: int) -> dict[str, str]:
    file = f"model-{number:05}.safetensors"
    save_file(shard, folder / file, metadata={"format": "pt"})
    return dict.fromkeys(shard, file)


def _tensors(shape: Shape, hf_config: dict[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """Every tensor that the network needs, under its name in the checkpoint."""
    family = family_of(hf_config)
    config = family.architecture(hf_config)
    weights = family.weights(config)
    with torch.device("meta"):
        parameters = dict(Seq2SeqTransformer(config).named_parameters())
    torch.manual_seed(0)
    for name, parameter in parameters.items():
        sources = weights.sources(name, available=())
        num_rows = parameter.shape[0] // len(sources)
        for source in sources:
            if name == "output_bias":
                yield source, _output_bias(shape)
            elif parameter.dim() == 1:
                is_gain = "norm" in name and name.endswith("weight")
                yield source, torch.full((num_rows,), 1.0 if is_gain else 0.0)
            else:
                yield source, torch.randn(num_rows, *parameter.shape[1:]) * shape.d_model**-0.5


def _output_bias(shape: Shape) -> Tensor:
    """Nobody ends early."""
    bias = torch.zeros(1, shape.vocab_size)
    bias[0, [EOS_ID, shape.pad_id]] = _NEVER
    return bias


def _hf_config(shape: Shape) -> dict[str, Any]:
    return {
        "model_type": "marian",
        "vocab_size": shape.vocab_size,
        "d_model": shape.d_model,
        **{f"{side}_layers": shape.num_layers for side in ("encoder", "decoder")},
        **{f"{side}_attention_heads": shape.num_heads for side in ("encoder", "decoder")},
        **{f"{side}_ffn_dim": shape.d_ff for side in ("encoder", "decoder")},
        "max_position_embeddings": _MAX_POSITIONS,
        "activation_function": "relu",
        "scale_embedding": True,
        "eos_token_id": EOS_ID,
        "pad_token_id": shape.pad_id,
        "decoder_start_token_id": shape.pad_id,
    }
