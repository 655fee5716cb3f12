"""Makes a large random checkpoint with memory for one shard at a time."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from loadtests.corpus import SENTENCES
from model.families.registry import family_of
from model.tokenizer import layouts
from model.transformer.unloaded import unloaded
from model.weights.files import INDEX_FILE

_SHARD_BYTES = 1 << 29
_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
_BOS_ID, _PAD_ID, _EOS_ID, _UNK_ID = range(len(_SPECIAL))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The sizes of an encoder-decoder transformer."""

    d_model: int
    num_layers: int
    num_heads: int
    d_ff: int
    vocab_size: int


def write_shards(shape: Shape, folder: Path, *, dtype: torch.dtype) -> int:
    """Write a checkpoint in M2M100's and NLLB's format, a shard at a time; return its bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    hf_config = _hf_config(shape)
    (folder / "config.json").write_text(json.dumps(hf_config))
    _write_vocabulary(shape, folder)
    files: dict[str, str] = {}
    shard: dict[str, Tensor] = {}
    num_bytes = 0
    for name, tensor in _tensors(hf_config):
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


def _tensors(hf_config: dict[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """Yield each tensor of the network with its name in the checkpoint."""
    family = family_of(hf_config)
    config = family.architecture(hf_config)
    weights = family.weights(config)
    parameters = dict(unloaded(config).named_parameters())
    torch.manual_seed(0)
    for name, parameter in parameters.items():
        sources = weights.sources(name, available=())
        num_rows = parameter.shape[0] // len(sources)
        for source in sources:
            if parameter.dim() == 1:
                is_gain = "norm" in name and name.endswith("weight")
                yield source, torch.full((num_rows,), 1.0 if is_gain else 0.0)
            else:
                yield source, torch.randn(num_rows, *parameter.shape[1:]) * config.d_model**-0.5


def _write_vocabulary(shape: Shape, folder: Path) -> None:
    """Write M2M100's vocabulary: a few pieces, a hundred languages, and many unused entries."""
    import sentencepiece  # noqa: PLC0415

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES),
        model_writer=model,
        vocab_size=350,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    (folder / "sentencepiece.bpe.model").write_bytes(model.getvalue())
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    pieces = [processor.id_to_piece(index) for index in range(processor.get_piece_size())]
    tokens = list(dict.fromkeys([*_SPECIAL, *pieces]))
    num_tokens = shape.vocab_size - len(layouts.M2M100[1].added)
    tokens += [f"filler{index}" for index in range(len(tokens), num_tokens)]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
    config = {"tokenizer_class": "M2M100Tokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def _hf_config(shape: Shape) -> dict[str, Any]:
    return {
        "model_type": "m2m_100",
        "vocab_size": shape.vocab_size,
        "d_model": shape.d_model,
        **{f"{side}_layers": shape.num_layers for side in ("encoder", "decoder")},
        **{f"{side}_attention_heads": shape.num_heads for side in ("encoder", "decoder")},
        **{f"{side}_ffn_dim": shape.d_ff for side in ("encoder", "decoder")},
        "max_position_embeddings": 1024,
        "activation_function": "relu",
        "scale_embedding": True,
        "bos_token_id": _BOS_ID,
        "pad_token_id": _PAD_ID,
        "eos_token_id": _EOS_ID,
        "decoder_start_token_id": _EOS_ID,
        "suppress_tokens": [_PAD_ID, _EOS_ID],  # so no output ends early
    }
