"""Byte-level BPE as BART has it: any text is known, since the smallest tokens are single bytes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import models, pre_tokenizers

from model.errors import CheckpointError, UnsupportedModelError
from model.json_file import read_json_object
from model.tokenizer.vocabulary import check_vocab, special_token_names

Merge = tuple[str, str]

_SURROGATES = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecialTokens:
    """The vocabulary's entries with a meaning of their own."""

    bos: str
    eos: str
    pad: str
    unk: str
    mask: str


class ByteLevelBPETokenizer:
    """Bytes joined pair by pair; a blank belongs to the word after it.

    No text is encoded to a special token: `</s>` in a text is four characters like any others.
    """

    def __init__(
        self,
        *,
        vocab: Mapping[str, int],
        merges: Sequence[Merge],
        special: SpecialTokens,
        add_prefix_space: bool = False,
        drop_first_blank: bool = False,
    ) -> None:
        self._vocab = vocab
        self._special = special
        self._drop_first_blank = drop_first_blank
        self._bpe = tokenizers.Tokenizer(models.BPE(vocab=dict(vocab), merges=list(merges)))
        self._bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
        named = (special.bos, special.eos, special.pad, special.mask)
        self._special_ids = frozenset(vocab[token] for token in named if token in vocab)
        silent = self._special_ids | {
            vocab[special.unk]
        }  # no text is unknown, so it stands for none
        byte_of = {char: byte for byte, char in enumerate(_byte_alphabet())}
        self._bytes = {i: _bytes_of(t, byte_of) for t, i in vocab.items() if i not in silent}

    @property
    def vocab_size(self) -> int:
        return max(self._vocab.values()) + 1

    @property
    def special_ids(self) -> frozenset[int]:
        return self._special_ids

    @property
    def bos_id(self) -> int:
        return self._vocab[self._special.bos]

    @property
    def eos_id(self) -> int:
        return self._vocab[self._special.eos]

    @property
    def pad_id(self) -> int:
        return self._vocab[self._special.pad]

    @property
    def unk_id(self) -> int:
        return self._vocab[self._special.unk]

    def encode(self, text: str) -> list[int]:
        if not text.isascii():
            text = _SURROGATES.sub(_REPLACEMENT, text)  # they are no characters and have no bytes
        return self._bpe.encode(text, add_special_tokens=False).ids

    def encode_target(self, text: str) -> list[int]:
        return self.encode(text)

    def decode(self, token_ids: Sequence[int]) -> str:
        parts = [self._bytes.get(token_id, b"") for token_id in token_ids]
        text = b"".join(parts).decode(errors="replace")
        return text.removeprefix(" ") if self._drop_first_blank else text

    def token_to_id(self, token: str) -> int | None:
        return self._vocab.get(token)


def load_bpe_tokenizer(folder: Path) -> ByteLevelBPETokenizer:
    """The tokenizer of a BART checkpoint, from `tokenizer.json` or `vocab.json` and `merges.txt`.

    Raises:
        CheckpointError: A file is missing or broken; the message names it.
        UnsupportedModelError: `tokenizer.json` describes some other kind of tokenizer.
    """
    special = SpecialTokens(
        **special_token_names(
            folder, bos="<s>", eos="</s>", pad="<pad>", unk="<unk>", mask="<mask>"
        )
    )
    path = folder / "tokenizer.json"
    if path.exists():
        return _from_tokenizer_json(path, special)
    vocab_path, merges_path = folder / "vocab.json", folder / "merges.txt"
    vocab = _check_vocab(vocab_path, read_json_object(vocab_path), special=special)
    merges = _check_merges(merges_path, _read_lines(merges_path), vocab=vocab)
    return ByteLevelBPETokenizer(vocab=vocab, merges=merges, special=special)


def _from_tokenizer_json(path: Path, special: SpecialTokens) -> ByteLevelBPETokenizer:
    description = read_json_object(path)
    try:
        model, added = description["model"], description.get("added_tokens", [])
        pre_tokenizer = description.get("pre_tokenizer") or {}
        _refuse_other_kinds(path, description, model=model)
        vocab = {**model["vocab"], **{token["content"]: token["id"] for token in added}}
        lines = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: not a description of a tokenizer: {error!r}") from error
    vocab = _check_vocab(path, vocab, special=special)
    return ByteLevelBPETokenizer(
        vocab=vocab,
        merges=_check_merges(path, lines, vocab=vocab),
        special=special,
        add_prefix_space=bool(pre_tokenizer.get("add_prefix_space", False)),
        drop_first_blank=_drops_first_blank(description.get("decoder") or {}),
    )


def _drops_first_blank(decoder: Mapping[str, Any]) -> bool:
    """Whether decoding ends by taking off the blank that encoding puts in front."""
    *_, last = decoder.get("decoders") or [decoder]
    return (last.get("type"), last.get("content"), last.get("start")) == ("Strip", " ", 1)


def _refuse_other_kinds(
    path: Path, description: Mapping[str, Any], *, model: Mapping[str, Any]
) -> None:
    pre_tokenizer = description.get("pre_tokenizer") or {}
    added = description.get("added_tokens", [])
    refused = {
        f"model {model.get('type')}": model.get("type", "BPE") != "BPE",
        "byte fallback": bool(model.get("byte_fallback")),
        "a continuing subword prefix": bool(model.get("continuing_subword_prefix")),
        "an end of word suffix": bool(model.get("end_of_word_suffix")),
        "ignored merges": bool(model.get("ignore_merges")),
        f"pre-tokenizer {pre_tokenizer.get('type')}": pre_tokenizer.get("type") != "ByteLevel",
        "words cut without the usual pattern": not pre_tokenizer.get("use_regex", True),
        "a normalizer": description.get("normalizer") is not None,
        "added tokens that are text": not all(token["special"] for token in added),
    }
    for feature, is_used in refused.items():
        if is_used:
            raise UnsupportedModelError(f"{path}: tokenizers with {feature} are not supported")


def _check_vocab(path: Path, vocab: Mapping[str, Any], *, special: SpecialTokens) -> dict[str, int]:
    required = (special.bos, special.eos, special.pad, special.unk)
    return check_vocab(path, vocab, required=required)


def _read_lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path}: not UTF-8: {error}") from error
    return [line for line in lines if line and not line.startswith("#version")]


def _check_merges(path: Path, lines: Sequence[str], *, vocab: Mapping[str, int]) -> list[Merge]:
    merges: list[Merge] = []
    for line in lines:
        left, _, right = line.partition(" ")
        for token in (left, right, left + right):
            if token not in vocab:
                raise CheckpointError(f"{path}: merge {line!r} needs the missing token {token!r}")
        merges.append((left, right))
    return merges


def _byte_alphabet() -> list[str]:
    """The character that stands for each byte in token names: itself, or one from U+0100 on.

    byte       A  blank  line feed
    character  A  Ġ      Ċ
    """
    printing = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printing else next(others)) for byte in range(256)]


def _bytes_of(token: str, byte_of: Mapping[str, int]) -> bytes:
    """The bytes that a token's name spells; a name outside the alphabet is itself the text."""
    if all(char in byte_of for char in token):
        return bytes(byte_of[char] for char in token)
    return token.encode()
