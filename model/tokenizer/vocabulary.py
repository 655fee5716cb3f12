"""What a checkpoint's JSON files say of its tokens: their numbers, and which ones are special."""

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
    """A token that a file adds to a vocabulary. One that is not special is looked for in texts."""

    text: str
    token_id: int
    is_special: bool


@dataclass(frozen=True, slots=True)
class TokenizerConfig:
    """`tokenizer_config.json`, and the older files beside it; each of them may be missing.

    Attributes:
        path: The file, for error messages.
        settings: All that it says, by its own names.
        added_tokens: Those whose ids are given, in the order of these.
    """

    path: Path
    settings: Mapping[str, Any]
    added_tokens: tuple[AddedToken, ...]

    def special_token(self, role: str, *, default: str) -> str:
        """What plays a role (`eos`, `pad`); `default` if no file says."""
        return _name(self.settings.get(f"{role}_token")) or default

    @property
    def named_special_tokens(self) -> tuple[str, ...]:
        """All tokens that are called special by name, whatever their ids."""
        values = [self.settings.get(f"{role}_token") for role in _ROLES]
        for key in ("additional_special_tokens", "extra_special_tokens"):
            more = self.settings.get(key) or ()
            values += more.values() if isinstance(more, dict) else more
        return tuple(name for value in values if (name := _name(value)))

    @property
    def tokenizer_class(self) -> str | None:
        """The class in `transformers` that is made for the files, without a `Fast` at its end."""
        value = self.settings.get("tokenizer_class")
        if not isinstance(value, str) or value in _NO_CLASSES:
            return None
        return value.removesuffix("Fast")


def read_tokenizer_config(folder: Path) -> TokenizerConfig:
    """Reads what a folder says of its tokenizer, where that is not in `tokenizer.json`.

    Raises:
        CheckpointError: A file that is there is broken.
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


def in_order(vocab: Mapping[str, int], ids: Iterable[int]) -> Sequence[str]:
    """The entries that have these ids, in the order of the ids."""
    wanted = frozenset(ids)
    entries = [(id_, token) for token, id_ in vocab.items() if id_ in wanted]
    return [token for _, token in sorted(entries)]


def _read_if_there(path: Path) -> dict[str, Any]:
    return read_json_object(path) if path.exists() else {}


def _name(value: object) -> str | None:
    """Hugging Face writes a token as a string, or as an object with options."""
    content = value.get("content") if isinstance(value, dict) else value
    return content if isinstance(content, str) else None
