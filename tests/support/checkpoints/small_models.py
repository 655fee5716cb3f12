"""Small complete models: config, random weights and a real tokenizer."""

import json
from pathlib import Path

from tests.support.checkpoints.factories import marian_config, write_checkpoint
from tests.support.checkpoints.tokenizers import (
    GERMAN,
    make_sentences,
    train_spm,
    write_marian_tokenizer,
)


def write_translator(folder: Path, *, seed: int = 0) -> Path:
    """Write a Marian model with a vocabulary of some hundred pieces."""
    spm = train_spm([*make_sentences(count=300), *make_sentences(GERMAN, count=300)])
    write_marian_tokenizer(folder, source=spm, target=spm)
    vocab = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    pad = vocab["<pad>"]
    config = marian_config(
        vocab_size=len(vocab),
        pad_token_id=pad,
        decoder_start_token_id=pad,
        bad_words_ids=[[pad]],
        num_beams=2,
    )
    write_checkpoint(folder, config, seed=seed)
    return folder
