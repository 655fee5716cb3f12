"""Tokenizers of Marian and BART, trained once for all tests here."""

from pathlib import Path

import pytest

from model.tokenizer import layouts
from model.tokenizer.load import load_tokenizer
from model.tokenizer.tokenizer import Tokenizer
from tests.support.checkpoints.tokenizers import (
    make_sentences,
    train_spm,
    write_bart_tokenizer,
    write_marian_tokenizer,
)


@pytest.fixture(scope="session")
def spm() -> bytes:
    return train_spm(make_sentences(count=300), vocab_size=120)


@pytest.fixture(scope="session")
def tagged_tokenizer(tmp_path_factory: pytest.TempPathFactory, spm: bytes) -> Tokenizer:
    """Return a Marian tokenizer with tags for de, fr and cmn_Hans."""
    folder = tmp_path_factory.mktemp("tagged")
    write_marian_tokenizer(folder, source=spm, target=spm)
    return load_tokenizer(folder, layouts.MARIAN)


@pytest.fixture(scope="session")
def untagged_tokenizer(tmp_path_factory: pytest.TempPathFactory, spm: bytes) -> Tokenizer:
    """Return a Marian tokenizer of a model for one pair of languages."""
    folder = tmp_path_factory.mktemp("untagged")
    write_marian_tokenizer(folder, source=spm, target=spm, tags=())
    return load_tokenizer(folder, layouts.MARIAN)


@pytest.fixture(scope="session")
def bpe_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bpe")
    return write_bart_tokenizer(folder, sentences=make_sentences(count=300), vocab_size=300)


@pytest.fixture(scope="session")
def bpe_tokenizer(bpe_folder: Path) -> Tokenizer:
    return load_tokenizer(bpe_folder)
