"""ByT5's tokenizer: each byte of a text is a token."""

import re
from collections.abc import Sequence

from model.tokenizer.char_spans import CharSpan
from model.tokenizer.token_texts import TokenTexts
from model.tokenizer.vocabulary import TokenizerConfig, in_order

_NUM_EXTRA_IDS = 125
_SURROGATES = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


class ByteTokenizer:
    """Tokenizer whose ids are special tokens, then the 256 bytes, then `<extra_id_0>` and so on.

    Bytes that are no valid UTF-8 decode to U+FFFD.
    """

    def __init__(self, config: TokenizerConfig) -> None:
        first = [
            config.special_token(role, default=name)
            for role, name in (("pad", "<pad>"), ("eos", "</s>"), ("unk", "<unk>"))
        ]
        self._unk_id = first.index(first[-1])
        self._offset = len(first)
        count = config.settings.get("extra_ids") or _NUM_EXTRA_IDS
        extra = [f"<extra_id_{number}>" for number in range(count)]
        self._ids = {token: id_ for id_, token in enumerate(first)}
        self._ids |= {token: self._offset + 256 + place for place, token in enumerate(extra)}
        self._ids |= {token.text: token.token_id for token in config.added_tokens}
        texts = {self._offset + byte: bytes([byte]) for byte in range(256)}
        self._special_ids = frozenset(self._ids.values()) - {self._unk_id}
        self._texts = TokenTexts(texts, silent_ids=self._special_ids)

    @property
    def vocab_size(self) -> int:
        return max(*self._ids.values(), self._offset + 255) + 1

    @property
    def source_vocab_size(self) -> int:
        return self.vocab_size

    @property
    def special_ids(self) -> frozenset[int]:
        return self._special_ids

    @property
    def unk_id(self) -> None:
        return None

    @property
    def source_unk_id(self) -> None:
        return None

    @property
    def added_tokens(self) -> Sequence[str]:
        return in_order(self._ids, self._special_ids)

    def encode(self, text: str) -> list[int]:
        return [self._offset + byte for byte in _without_surrogates(text).encode()]

    def encode_target(self, text: str) -> list[int]:
        return self.encode(text)

    def decode(self, token_ids: Sequence[int]) -> str:
        return self._texts.decode(token_ids)

    def spans(self, text: str) -> list[CharSpan]:
        chars = enumerate(_without_surrogates(text))
        return [(place, place + 1) for place, char in chars for _ in char.encode()]

    def target_spans(self, text: str) -> list[CharSpan]:
        return self.spans(text)

    def decoded_spans(self, token_ids: Sequence[int]) -> list[CharSpan]:
        return self._texts.spans(token_ids)

    def token_to_id(self, token: str) -> int | None:
        return self._ids.get(token)


def _without_surrogates(text: str) -> str:
    return _SURROGATES.sub(_REPLACEMENT, text)  # lone surrogates have no UTF-8
