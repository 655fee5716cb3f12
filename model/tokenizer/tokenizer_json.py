"""Tokenizers of a `tokenizer.json`."""

import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tokenizers

from model.errors import CheckpointError, UnsupportedModelError
from model.json_file import read_json_object
from model.tokenizer.char_spans import CharSpan, shared_with_next
from model.tokenizer.layout import TokenizerLayout
from model.tokenizer.token_bytes import TokenBytes, read_decoder
from model.tokenizer.token_texts import TokenTexts
from model.tokenizer.vocabulary import TokenizerConfig, check_vocab, in_order

Json = Mapping[str, Any]

_SURROGATES = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


class JsonTokenizer:
    """Tokenizer of the `tokenizers` library that encodes no text to a special token.

    The library finds special tokens in texts, as its vocabulary holds them among the ordinary ones.
    Here `</s>` in a text is plain text: the library gets special tokens under secret names.
    """

    def __init__(
        self, description: Json, *, unk: str, special: Iterable[str], decoder: TokenBytes
    ) -> None:
        """Prepare encoding and decoding.

        Args:
            description: The content of `tokenizer.json`.
            unk: The unknown token, which decodes to no text either.
            special: The tokens that stand for no text.
            decoder: The bytes of each token.

        Raises:
            ValueError: The library cannot read the description.
        """
        self._vocab = vocab_of(description)
        silent = frozenset(self._vocab[t] for t in (unk, *special) if t in self._vocab)
        self._unk_id = self._vocab.get(unk)
        self._special_ids = silent - {self._unk_id}
        ordinary = (item for item in self._vocab.items() if item[1] not in silent)
        self._texts = TokenTexts(
            {id_: decoder.bytes_of(token) for token, id_ in ordinary},
            silent_ids=silent,
            leading_blanks=decoder.leading_blanks,
        )
        hidden = in_order(self._vocab, silent)
        try:
            self._tokenizer = tokenizers.Tokenizer.from_str(_hide(description, hidden))
        except Exception as error:  # the library raises no narrower type
            raise ValueError(str(error)) from error

    @property
    def vocab_size(self) -> int:
        return max(self._vocab.values()) + 1

    @property
    def source_vocab_size(self) -> int:
        return self.vocab_size

    @property
    def special_ids(self) -> frozenset[int]:
        return self._special_ids

    @property
    def unk_id(self) -> int | None:
        return self._unk_id

    @property
    def source_unk_id(self) -> int | None:
        return self._unk_id

    @property
    def added_tokens(self) -> Sequence[str]:
        return in_order(self._vocab, self._special_ids)

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._encoding(text).ids
        return ids

    def encode_target(self, text: str) -> list[int]:
        return self.encode(text)

    def decode(self, token_ids: Sequence[int]) -> str:
        return self._texts.decode(token_ids)

    def spans(self, text: str) -> list[CharSpan]:
        text = _SURROGATES.sub(_REPLACEMENT, text)
        start = self._num_dropped(text)
        offsets = self._encoding(text[start:]).offsets
        return shared_with_next([(start + first, start + last) for first, last in offsets])

    def target_spans(self, text: str) -> list[CharSpan]:
        return self.spans(text)

    def decoded_spans(self, token_ids: Sequence[int]) -> list[CharSpan]:
        return self._texts.spans(token_ids)

    def token_to_id(self, token: str) -> int | None:
        return self._vocab.get(token)

    def _num_dropped(self, text: str) -> int:
        """Return how many first characters the normalizer drops: the library miscounts those."""
        normalizer = self._tokenizer.normalizer
        if normalizer is None:
            return 0
        kept = (place for place, char in enumerate(text) if normalizer.normalize_str(char))
        return next(kept, 0)

    def _encoding(self, text: str) -> tokenizers.Encoding:
        if not text.isascii():
            text = _SURROGATES.sub(_REPLACEMENT, text)  # lone surrogates have no UTF-8
        return self._tokenizer.encode(text, add_special_tokens=False)


def load_tokenizer_json(
    path: Path, layout: TokenizerLayout, config: TokenizerConfig
) -> JsonTokenizer:
    """Return the tokenizer of a `tokenizer.json`.

    Raises:
        CheckpointError: The file is missing or broken.
        UnsupportedModelError: Its model or decoder is of an unsupported kind.
    """
    description = read_json_object(path)
    try:
        check_vocab(path, vocab_of(description), required=())
        decoder = read_decoder(description.get("decoder"))
        special = [token["content"] for token in description["added_tokens"] if token["special"]]
        tags = _tags(description, layout)
        special += [*tags, *config.named_special_tokens]
        unk = _unk_token(description) or config.special_token("unk", default="<unk>")
        return JsonTokenizer(description, unk=unk, special=special, decoder=decoder)
    except UnsupportedModelError as error:
        raise UnsupportedModelError(f"{path}: {error}") from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise CheckpointError(f"{path}: not a description of a tokenizer: {error!r}") from error


def vocab_of(description: Json) -> dict[str, int]:
    """Return the ids of all tokens of a description, by name.

    Raises:
        UnsupportedModelError: Its model is neither Unigram nor BPE.
        KeyError, TypeError, AttributeError: It is malformed.
    """
    model = description["model"]
    vocab = model["vocab"]
    if model.get("type", "BPE") == "BPE":
        ids = dict(vocab)
    elif model["type"] == "Unigram":
        ids = {token: id_ for id_, (token, _score) in enumerate(vocab)}
    else:
        raise UnsupportedModelError(f"tokenizers with model {model['type']} are not supported")
    return ids | {token["content"]: token["id"] for token in description.get("added_tokens", [])}


def _unk_token(description: Json) -> str | None:
    model = description["model"]
    unk_id: int | None = model.get("unk_id")
    token: str | None = model.get("unk_token") if unk_id is None else model["vocab"][unk_id][0]
    return token


def _tags(description: Json, layout: TokenizerLayout) -> list[str]:
    """Return the language tags: added tokens, or Unigram entries with the score 0."""
    if layout.tags is None:
        return []
    tokens = [token["content"] for token in description["added_tokens"]]
    if description["model"].get("type") == "Unigram":
        tokens += [token for token, score in description["model"]["vocab"] if score == 0]
    return [token for token in dict.fromkeys(tokens) if re.fullmatch(layout.tags, token)]


def _hide(description: Json, special: Sequence[str]) -> str:
    """Return the description as JSON, with special tokens under random names."""
    secret = secrets.token_hex(8)
    names = {token: f"{secret}{token}" for token in special}
    model = dict(description["model"])
    if isinstance(model["vocab"], dict):
        model["vocab"] = {names.get(t, t): id_ for t, id_ in model["vocab"].items()}
        merges = [m.split(" ", 1) if isinstance(m, str) else m for m in model.get("merges", [])]
        model["merges"] = [
            merge for merge in merges if names.keys().isdisjoint((*merge, "".join(merge)))
        ]
    else:
        model["vocab"] = [[names.get(t, t), score] for t, score in model["vocab"]]
    if model.get("unk_token"):
        model["unk_token"] = names.get(model["unk_token"], model["unk_token"])
    added = [
        {**token, "content": names.get(token["content"], token["content"])}
        for token in description.get("added_tokens", [])
    ]
    # No truncation, padding or tokens around a text.
    without = {"truncation": None, "padding": None, "post_processor": None}
    return json.dumps({**description, **without, "model": model, "added_tokens": added})
