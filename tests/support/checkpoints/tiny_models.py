"""Two tiny models on disk, with real tokenizers, and the catalogue's entries for them."""

import json
from pathlib import Path
from typing import Any

from model.tokenizer.prompt import Summarization, Translation
from service.backend import GenerateRequest, ParamOverrides
from service.catalogue.catalogue import ModelEntry
from service.deadline import Deadline
from service.settings import Settings
from tests.support.checkpoints.factories import bart_config, marian_config, write_checkpoint
from tests.support.checkpoints.tokenizers import (
    GERMAN,
    make_sentences,
    train_spm,
    write_bart_tokenizer,
    write_marian_tokenizer,
)

TRANSLATOR, SUMMARIZER = "test/translate", "test/summarize"
SETTINGS = Settings(num_threads=1, dtype="float32", device="cpu", max_waiting=9)
TEXT = "The quick brown fox jumps over the lazy dog."

_REQUEST_FIELDS = {"timeout_ms", *GenerateRequest.__dataclass_fields__}


def write_tiny_models(root: Path) -> dict[str, Path]:
    """Write a Marian and a BART; return their folders by the names of their entries."""
    spm = train_spm([*make_sentences(count=300), *make_sentences(GERMAN, count=300)])
    marian = write_marian_tokenizer(root / "marian", source=spm, target=spm)
    write_tiny_marian(marian)
    bart = write_bart_tokenizer(root / "bart", sentences=make_sentences(count=300), vocab_size=300)
    write_checkpoint(bart, bart_config(vocab_size=300))
    return {TRANSLATOR: marian, SUMMARIZER: bart}


def write_tiny_marian(folder: Path, *, seed: int = 0) -> None:
    """Write config and weights beside an existing tokenizer."""
    vocab = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    pad = vocab["<pad>"]
    config = marian_config(
        vocab_size=len(vocab),
        pad_token_id=pad,
        decoder_start_token_id=pad,
        bad_words_ids=[[pad]],
        num_beams=3,
    )
    write_checkpoint(folder, config, seed=seed)


def tiny_entry(folders: dict[str, Path], files: str = TRANSLATOR, **changes: Any) -> ModelEntry:
    """Return the entry of one of the two; `changes` are fields of it."""
    fields: dict[str, Any] = {"name": files, "path": str(folders[files]), "warm_up": False}
    if files == TRANSLATOR:
        fields |= {"task": "translation", "pairs": ["en-de"]}
    else:
        fields |= {"task": "summarization"}
    return ModelEntry.model_validate({**fields, **changes})


def make_request(text: str = TEXT, **changes: Any) -> GenerateRequest:
    """Return a translation request; `changes` are its fields, or generation parameters."""
    fields = {name: changes.pop(name) for name in list(changes) if name in _REQUEST_FIELDS}
    model = fields.setdefault("model", TRANSLATOR)
    fields.setdefault("task", Summarization() if model == SUMMARIZER else Translation("de", "en"))
    deadline = Deadline.after(fields.pop("timeout_ms", 30_000))
    overrides = ParamOverrides(**changes)
    return GenerateRequest(
        request_id="r", text=text, deadline=deadline, overrides=overrides, **fields
    )
