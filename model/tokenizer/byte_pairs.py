"""Loads byte-level BPE from `vocab.json` and `merges.txt`, the files of BART's checkpoints."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from model.errors import CheckpointError
from model.json_file import read_json_object
from model.tokenizer.token_bytes import read_decoder
from model.tokenizer.tokenizer_json import JsonTokenizer
from model.tokenizer.vocabulary import TokenizerConfig, check_vocab

_DEFAULTS = {"bos": "<s>", "eos": "</s>", "pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}


def load_byte_pair_tokenizer(folder: Path, config: TokenizerConfig) -> JsonTokenizer:
    """Return the tokenizer of the two files, by way of the equivalent `tokenizer.json`.

    Raises:
        CheckpointError: A file is missing or broken; the message names it.
    """
    special = {role: config.special_token(role, default=name) for role, name in _DEFAULTS.items()}
    vocab_path, merges_path = folder / "vocab.json", folder / "merges.txt"
    required = [special[role] for role in ("bos", "eos", "pad", "unk")]
    vocab = check_vocab(vocab_path, read_json_object(vocab_path), required=required)
    merges = _check_merges(merges_path, _read_lines(merges_path), vocab=vocab)
    added = {vocab[token]: token for token in special.values() if token in vocab}
    added |= {token.token_id: token.text for token in config.added_tokens}
    text_ids = {token.token_id for token in config.added_tokens if not token.is_special}
    byte_level = {
        "type": "ByteLevel",
        "add_prefix_space": bool(config.settings.get("add_prefix_space", False)),
        "trim_offsets": True,
        "use_regex": True,
    }
    description = {
        "version": "1.0",
        "added_tokens": [
            _added_token(token, id_, is_special=id_ not in text_ids)
            for id_, token in sorted(added.items())
        ],
        "pre_tokenizer": byte_level,
        "decoder": byte_level,
        "model": {"type": "BPE", "vocab": vocab, "merges": merges, "unk_token": special["unk"]},
    }
    names = [token for id_, token in added.items() if id_ not in text_ids]
    decoder = read_decoder(byte_level)
    try:
        return JsonTokenizer(description, unk=special["unk"], special=names, decoder=decoder)
    except ValueError as error:
        raise CheckpointError(f"{vocab_path}: not a vocabulary: {error}") from error


def _added_token(token: str, token_id: int, *, is_special: bool) -> dict[str, object]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": token_id, "content": token, "special": is_special, **flags}


def _read_lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path}: not UTF-8: {error}") from error
    return [line for line in lines if line and not line.startswith("#version")]


def _check_merges(
    path: Path, lines: Sequence[str], *, vocab: Mapping[str, int]
) -> list[tuple[str, str]]:
    merges: list[tuple[str, str]] = []
    for line in lines:
        left, _, right = line.partition(" ")
        for token in (left, right, left + right):
            if token not in vocab:
                raise CheckpointError(f"{path}: merge {line!r} needs the missing token {token!r}")
        merges.append((left, right))
    return merges
