"""Files of published checkpoints: shrunk JSON, and tokenizers with small vocabularies."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from model.json_file import read_json_object
from tests.support.checkpoints.factories import write_json
from tests.support.checkpoints.tokenizers import (
    GEMMA_PIECES,
    NLLB_PIECES,
    T5_PIECES,
    make_sentences,
    train_spm,
    write_bart_tokenizer,
    write_marian_tokenizer,
    write_spm_tokenizer,
    write_unigram_json,
)

Json = Mapping[str, Any]
Write = Callable[[Path], Path]

FOLDER = Path(__file__).parent / "published"
SENTENCES = make_sentences(count=300)
EXTRA_IDS = [f"<extra_id_{number}>" for number in range(100)]


@cache
def spm(kind: str) -> bytes:
    """Train a `.spm` file of a family's kind, once."""
    pieces: Mapping[str, Mapping[str, Any]] = {
        "marian": {"vocab_size": 120},
        "fairseq": {},
        "nllb": NLLB_PIECES,
        "t5": T5_PIECES,
        "mt5": {**T5_PIECES, "byte_fallback": True, "vocab_size": 500},
        "gemma": GEMMA_PIECES,
        "madlad": {
            "unk_id": 0,
            "bos_id": 1,
            "eos_id": 2,
            "pad_id": -1,
            "byte_fallback": True,
            "user_defined_symbols": ["\n", "<2ace>", "<2de>", "<2fr>", "<2zh_Latn>"],
            "remove_extra_whitespaces": False,
            "vocab_size": 500,
        },
    }
    return train_spm(SENTENCES, **pieces[kind])


def marian_files(*tags: str) -> Write:
    """Return a writer of two `.spm` files, vocab.json and a tokenizer_config.json without class."""

    def write(folder: Path) -> Path:
        names = {"target_lang": "xx", "source_lang": "eng"}
        one = spm("marian")
        return write_marian_tokenizer(folder, source=one, target=one, tags=tags, config=names)

    return write


def bart_files(folder: Path) -> Path:
    """Write merges.txt, and a vocab.json that ends in `<mask>`."""
    write_bart_tokenizer(folder, sentences=SENTENCES, vocab_size=300)
    vocab = read_json_object(folder / "vocab.json")
    tokens = sorted(vocab.keys() - {"<mask>"}, key=vocab.__getitem__)
    write_json(folder / "vocab.json", {t: id_ for id_, t in enumerate([*tokens, "<mask>"])})
    write_json(folder / "tokenizer_config.json", {"model_max_length": 1024})
    return folder


def spm_files(kind: str, file: str, *, special: Json | None = None, **settings: Any) -> Write:
    """Return a writer of a `.spm` file, tokenizer_config.json and maybe special_tokens_map.json."""

    def write(folder: Path) -> Path:
        write_spm_tokenizer(folder, spm=spm(kind), file=file, **settings)
        if special is not None:
            write_json(folder / "special_tokens_map.json", special)
        return folder

    return write


def with_json(write: Write, kind: str, *, special: Sequence[str] = ()) -> Write:
    """Return a writer of the same files and a tokenizer.json."""
    return lambda folder: write_unigram_json(write(folder), spm=spm(kind), special=special)


def byt5_files(folder: Path) -> Path:
    """Write a tokenizer_config.json; its class is in config.json."""
    tokens = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    extra = [f"<extra_id_{number}>" for number in range(125)]
    more = {"extra_ids": 125, "additional_special_tokens": extra}
    write_json(folder / "tokenizer_config.json", {**tokens, **more})
    return folder


FAIRSEQ_SPM, T5_SPM = "sentencepiece.bpe.model", "spiece.model"
FAIRSEQ_TOKENS: Json = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "cls_token": "<s>",
    "mask_token": {"content": "<mask>", "lstrip": True, "normalized": True},
}
T5_TOKENS: Json = {
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "additional_special_tokens": EXTRA_IDS,
}
MT5_SETTINGS: Json = {
    "extra_ids": 0,
    "additional_special_tokens": None,
    "special_tokens_map_file": "/home/somebody/.cache/torch/transformers/685ac0ca8568",
    "tokenizer_file": None,
    "name_or_path": "google/mt5-small",
}
MBART_FILES = spm_files("fairseq", FAIRSEQ_SPM, special=FAIRSEQ_TOKENS)
T5_FILES = spm_files("t5", T5_SPM, special=T5_TOKENS, model_max_length=512)
T5_AND_JSON = with_json(T5_FILES, "t5", special=[*reversed(EXTRA_IDS)])
MT5_FILES = spm_files("mt5", T5_SPM, special=T5_TOKENS, **MT5_SETTINGS)
PEGASUS_FILES = spm_files("t5", T5_SPM, tokenizer_class="PegasusTokenizer")
MADLAD_FILES = spm_files("madlad", T5_SPM, tokenizer_class="T5Tokenizer", extra_ids=0)
GEMMA_FILES = spm_files("gemma", "tokenizer.model", add_bos_token=True, add_eos_token=False)


# Sizes that tests shrink: to fixed numbers, by divisors, and to limits.
_SMALL: Json = {
    "d_model": 24,
    "d_ff": 32,
    "d_kv": 5,
    "num_heads": 3,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "max_position_embeddings": 64,
    "head_dim": 6,
    "query_pre_attn_scalar": 6,
    "layer_types": ["sliding_attention", "full_attention"],
}
_DIVISORS: Mapping[str, int] = {
    "encoder_layers": 6,
    "decoder_layers": 6,
    "num_layers": 6,
    "num_decoder_layers": 6,
    "num_hidden_layers": 6,
    "hidden_size": 64,
    "cross_attention_hidden_size": 64,
    "intermediate_size": 256,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
}
_LIMITS: Mapping[str, int] = {
    "max_length": 30,
    "min_length": 10,
    "num_hidden_layers": 2,
    "num_layers": 2,
    "num_decoder_layers": 2,
}


def published_json(name: str, file: str) -> dict[str, Any] | None:
    """Return config.json or generation_config.json, shrunk; None if it has no such file."""
    path = FOLDER / name.replace("/", "--") / file
    return _shrunk(read_json_object(path)) if path.exists() else None


def _shrunk(published: Json) -> dict[str, Any]:
    shrunk: dict[str, Any] = {}
    for key, value in published.items():
        shrunk[key] = _shrunk(value) if isinstance(value, dict) else _SMALL.get(key, value)
        if key in _DIVISORS:
            shrunk[key] = max(1, value // _DIVISORS[key])
        if key in _LIMITS:
            shrunk[key] = min(shrunk[key], _LIMITS[key])
    return shrunk
