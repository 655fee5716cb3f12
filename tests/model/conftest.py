"""Checkpoints for the tests of `model`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkpoints.factories import (
    Json,
    marian_config,
    write_checkpoint,
    write_json,
)
from tests.support.checkpoints.tokenizers import (
    make_sentences,
    train_spm,
    write_marian_tokenizer,
)

Write = Callable[..., Path]


@pytest.fixture(scope="session")
def marian_spm() -> bytes:
    return train_spm(make_sentences(count=300), vocab_size=120)


@pytest.fixture
def write_model(tmp_path: Path, marian_spm: bytes) -> Write:
    """Return a writer of Marian checkpoints: generation_config.json, and keys of config.json."""

    def write(generation: Json | None = None, **changes: Any) -> Path:
        folder = write_marian_tokenizer(tmp_path / "model", source=marian_spm, target=marian_spm)
        num_tokens = len(json.loads((folder / "vocab.json").read_text(encoding="utf-8")))
        defaults = {
            "vocab_size": num_tokens,
            "decoder_start_token_id": num_tokens - 1,
            "bad_words_ids": [[num_tokens - 1]],
        }
        write_checkpoint(folder, marian_config(**{**defaults, **changes}))
        if generation is not None:
            write_json(folder / "generation_config.json", generation)
        return folder

    return write
