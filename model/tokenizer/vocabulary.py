"""Reads ids and special tokens from the JSON files of a checkpoint's tokenizer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.errors import CheckpointError
from model.json_file import read_json_object

_NO_CLASSES = ("TokenizersBackend", "PreTrainedTokenizer", "PreTrainedTokenizerFast")
_ROLES = ("bos", "eos", "pad", "unk", "mask", "cls", "sep")


@dataclass(frozen=True, slots=True)
class AddedToken:
    """A token that a file adds to a vocabulary; unless special, it is found in texts."""

    text: str
    token_id: int
    is_special: bool


@dataclass(frozen=True, slots=True)
class TokenizerConfig:
    """`tokenizer_config.json` and the older files beside it; each may be missing.

    Attributes:
        path: The file, for error messages.
        settings: Its content.
        added_tokens: Added tokens with given ids, ordered by id.
    """

    path: Path
    settings: Mapping[str, Any]
    added_tokens: tuple[AddedToken, ...]

    def special_token(self, role: str, *, default: str) -> str:
        """Return the token of a role (`eos`, `pad`); `default` if no file names one."""
        return _name(self.settings.get(f"{role}_token")) or default

    @property
    def named_special_tokens(self) -> tuple[str, ...]:
        """All tokens that the files name as special, with or without ids."""
        values = [self.settings.get(f"{role}_token") for role in _ROLES]
        for key in ("additional_special_tokens", "extra_special_tokens"):
            more = self.settings.get(key) or ()
            values += more.values() if isinstance(more, dict) else more
        return tuple(name for value in values if (name := _name(value)))

    @property
    def tokenizer_class(self) -> str | None:
        """The tokenizer's class in `transformers`, without the suffix `Fast`."""
        value = self.settings.get("tokenizer_class")
        if not isinstance(value, str) or value in _NO_CLASSES:
            return None
        return value.removesuffix("Fast")


def read_tokenizer_config(folder: Path) -> TokenizerConfig:
    """Read a tokenizer's settings from the files besides `tokenizer.json`.

    Raises:
        CheckpointError: A file is malformed.
    """
    settings = _read_if_there(folder / "special_tokens_map.json")
    path = folder / "tokenizer_config.json"
    settings |= _read_if_there(path)
    if "tokenizer_class" not in settings:
        settings["tokenizer_class"] = _read_if_there(folder / "config.json").get("tokenizer_class")
    config = TokenizerConfig(path, settings, added_tokens=())
    special = {*config.named_special_tokens}
    ids = _read_if_there(folder / "added_tokens.json")
    added = [AddedToken(text, id_, text in special) for text, id_ in ids.items()]
    for key, value in (settings.get("added_tokens_decoder") or {}).items():
        text = _name(value)
        if text is None or not key.isdecimal():
            raise CheckpointError(f"{path}: added_tokens_decoder has no token for {key!r}")
        added.append(AddedToken(text, int(key), bool(value.get("special", False))))
    check_vocab(path, {token.text: token.token_id for token in added}, required=())
    return TokenizerConfig(path, settings, tuple(sorted(added, key=lambda token: token.token_id)))


def check_vocab(path: Path, vocab: Mapping[str, Any], *, required: Iterable[str]) -> dict[str, int]:
    """Return the vocabulary of a file after checking its ids and required tokens.

    Raises:
        CheckpointError: An id is no number from 0 up, or a required token is missing.
    """
    for token, id_ in vocab.items():
        if type(id_) is not int or id_ < 0:
            raise CheckpointError(f"{path}: the id of {token!r} is {id_!r}, not a number from 0 up")
    missing = [token for token in required if token not in vocab]
    if missing:
        raise CheckpointError(f"{path}: has no entry {missing[0]!r}")
    return dict(vocab)


def in_order(vocab: Mapping[str, int], ids: Iterable[int]) -> Sequence[str]:
    """Return the entries that have these ids, ordered by id."""
    wanted = frozenset(ids)
    entries = [(id_, token) for token, id_ in vocab.items() if id_ in wanted]
    return [token for _, token in sorted(entries)]


def _read_if_there(path: Path) -> dict[str, Any]:
    return read_json_object(path) if path.exists() else {}


def _name(value: object) -> str | None:
    """Return a token that is written as a string, or as an object with options."""
    content = value.get("content") if isinstance(value, dict) else value
    return content if isinstance(content, str) else None
