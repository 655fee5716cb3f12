"""Tokenizers that are trained once for all tests here."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.checkpoints.tokenizers import (
    ENGLISH,
    GERMAN,
    T5_PIECES,
    make_sentences,
    train_spm,
    write_bart_tokenizer,
    write_marian_tokenizer,
)

SPM_OPTIONS: dict[str, dict[str, Any]] = {
    "unigram": {"model_type": "unigram"},
    "unigram identity": {
        "model_type": "unigram",
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
    },
    "unigram without a mark in front": {"model_type": "unigram", "add_dummy_prefix": False},
    "unigram over blanks, case folded": {
        "model_type": "unigram",
        "normalization_rule_name": "nmt_nfkc_cf",
        "split_by_whitespace": False,
    },
    "unigram with bytes": {"model_type": "unigram", "vocab_size": 600, "byte_fallback": True},
    "unigram with symbols of its users": {"user_defined_symbols": ["<sep>", "book"]},
    "bpe": {"model_type": "bpe", "normalization_rule_name": "nfkc"},
    "bpe identity": {
        "model_type": "bpe",
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
    },
}


@pytest.fixture(scope="session", params=SPM_OPTIONS)
def spm(request: pytest.FixtureRequest) -> bytes:
    """Train one `.spm` file of each kind."""
    texts = [*make_sentences(ENGLISH), *make_sentences(GERMAN, count=500), "日本語のテキスト。"]
    return train_spm(texts, **SPM_OPTIONS[request.param])


@pytest.fixture(scope="session")
def english_spm() -> bytes:
    return train_spm(make_sentences(ENGLISH))


@pytest.fixture(scope="session")
def german_spm() -> bytes:
    return train_spm(make_sentences(GERMAN))


@pytest.fixture(scope="session")
def marian_folder(
    tmp_path_factory: pytest.TempPathFactory, english_spm: bytes, german_spm: bytes
) -> Path:
    folder = tmp_path_factory.mktemp("marian")
    return write_marian_tokenizer(folder, source=english_spm, target=german_spm)


@pytest.fixture(scope="session")
def bart_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = [*make_sentences(ENGLISH), *make_sentences(GERMAN), "naïve 日本語 👍 €"]
    return write_bart_tokenizer(tmp_path_factory.mktemp("bart"), sentences=texts)


@pytest.fixture(scope="session")
def t5_spm() -> bytes:
    return train_spm(make_sentences(ENGLISH, count=500), **T5_PIECES)
