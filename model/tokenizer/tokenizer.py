"""The interface of all tokenizers."""

from collections.abc import Sequence
from typing import Protocol

from model.tokenizer.char_spans import CharSpan


class Tokenizer(Protocol):
    """Encodes text to token ids and back; adds no special tokens."""

    @property
    def vocab_size(self) -> int:
        """The largest target id + 1."""
        ...

    @property
    def source_vocab_size(self) -> int:
        """The largest source id + 1; differs from `vocab_size` if each side has a vocabulary."""
        ...

    @property
    def special_ids(self) -> frozenset[int]:
        """Ids that stand for no text: padding, end of sentence, language tags; never `unk`.

        No text is encoded to one of them: `</s>` in a text is plain text.
        """
        ...

    @property
    def unk_id(self) -> int | None:
        """The target id of what the vocabulary does not have; None if it has all."""
        ...

    @property
    def source_unk_id(self) -> int | None:
        """Likewise of a source text."""
        ...

    @property
    def added_tokens(self) -> Sequence[str]:
        """The entries of `special_ids`, ordered by id; includes language tags."""
        ...

    def encode(self, text: str) -> list[int]:
        """Return the ids of a source text, without start, end or language tokens."""
        ...

    def encode_target(self, text: str) -> list[int]:
        """Return the ids of a target text, such as a forced prefix."""
        ...

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the text of generated ids; special tokens have none."""
        ...

    def spans(self, text: str) -> list[CharSpan]:
        """Return the characters of a source text that each id of `encode(text)` stands for.

        Starts and stops never decrease. Tokens that spell one character together all have it; a
        token for what the text does not hold, such as a mark in front of it, may have none.
        """
        ...

    def target_spans(self, text: str) -> list[CharSpan]:
        """Return the characters of a target text that each id of `encode_target(text)` stands for.

        As `spans` otherwise.
        """
        ...

    def decoded_spans(self, token_ids: Sequence[int]) -> list[CharSpan]:
        """Return the characters of `decode(token_ids)` that each id stands for.

        Starts never decrease, nor do stops of tokens that have characters. Special tokens have
        none; tokens that spell one character together all have it.
        """
        ...

    def token_to_id(self, token: str) -> int | None:
        """Return the id of one exact vocabulary entry, such as `>>de<<`; None if there is none."""
        ...
