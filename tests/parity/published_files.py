"""Tokenizer files of published checkpoints, with small vocabularies that are trained here."""

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

SENTENCES = make_sentences(count=300)
EXTRA_IDS = [f"<extra_id_{number}>" for number in range(100)]


@cache
def spm(kind: str) -> bytes:
    """A `.spm` file as a family's, trained once."""
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
    """Two `.spm` files and a vocabulary; tokenizer_config.json has languages and no class."""

    def write(folder: Path) -> Path:
        names = {"target_lang": "xx", "source_lang": "eng"}
        one = spm("marian")
        return write_marian_tokenizer(folder, source=one, target=one, tags=tags, config=names)

    return write


def bart_files(folder: Path) -> Path:
    """vocab.json, where `<mask>` comes after all other tokens, and merges.txt."""
    write_bart_tokenizer(folder, sentences=SENTENCES, vocab_size=300)
    vocab = read_json_object(folder / "vocab.json")
    tokens = sorted(vocab.keys() - {"<mask>"}, key=vocab.__getitem__)
    write_json(folder / "vocab.json", {t: id_ for id_, t in enumerate([*tokens, "<mask>"])})
    write_json(folder / "tokenizer_config.json", {"model_max_length": 1024})
    return folder


def spm_files(kind: str, file: str, *, special: Json | None = None, **settings: Any) -> Write:
    """One `.spm` file, tokenizer_config.json, and special_tokens_map.json if there is any."""

    def write(folder: Path) -> Path:
        write_spm_tokenizer(folder, spm=spm(kind), file=file, **settings)
        if special is not None:
            write_json(folder / "special_tokens_map.json", special)
        return folder

    return write


def with_json(write: Write, kind: str, *, special: Sequence[str] = ()) -> Write:
    """The same and a tokenizer.json beside them."""
    return lambda folder: write_unigram_json(write(folder), spm=spm(kind), special=special)


def byt5_files(folder: Path) -> Path:
    """tokenizer_config.json alone, of which config.json knows the class."""
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
