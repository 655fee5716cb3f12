"""What a checkpoint's files say of its tokens: their numbers, and the names of special ones."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from model.errors import CheckpointError
from model.json_file import read_json_object


def check_vocab(path: Path, vocab: Mapping[str, Any], *, required: Iterable[str]) -> dict[str, int]:
    """The vocabulary of a file, once its ids are numbers and no required token is missing.

    Raises:
        CheckpointError: They are not, or one is.
    """
    for token, id_ in vocab.items():
        if type(id_) is not int or id_ < 0:
            raise CheckpointError(f"{path}: the id of {token!r} is {id_!r}, not a number from 0 up")
    missing = [token for token in required if token not in vocab]
    if missing:
        raise CheckpointError(f"{path}: has no entry {missing[0]!r}")
    return dict(vocab)


def special_token_names(folder: Path, **defaults: str) -> dict[str, str]:
    """What `tokenizer_config.json` calls the end of sentence and the like.

    Args:
        folder: Where the file may be.
        defaults: The roles asked for, each with its usual name: `eos="</s>"`.
    """
    path = folder / "tokenizer_config.json"
    config = read_json_object(path) if path.exists() else {}
    return {role: _name(config.get(f"{role}_token")) or usual for role, usual in defaults.items()}


def _name(value: object) -> str | None:
    """Hugging Face writes a token as a string, or as an object with options."""
    content = value.get("content") if isinstance(value, dict) else value
    return content if isinstance(content, str) else None
