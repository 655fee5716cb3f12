"""The interface of all tokenizers."""

from collections.abc import Sequence
from typing import Protocol


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

    def token_to_id(self, token: str) -> int | None:
        """Return the id of one exact vocabulary entry, such as `>>de<<`; None if there is none."""
        ...
