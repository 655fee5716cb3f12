"""The one interface between text and token ids."""

from collections.abc import Sequence
from typing import Protocol


class Tokenizer(Protocol):
    """Text to token ids and back; adds no special token by itself."""

    @property
    def vocab_size(self) -> int:
        """One more than the largest id of a target."""
        ...

    @property
    def source_vocab_size(self) -> int:
        """One more than the largest id of a source: another number where it has a vocabulary."""
        ...

    @property
    def special_ids(self) -> frozenset[int]:
        """Ids that stand for no text: padding, end of sentence, language tags; never `unk`.

        No text is encoded to one of them: a text that spells `</s>` is like any other.
        """
        ...

    @property
    def added_tokens(self) -> Sequence[str]:
        """The entries behind `special_ids`, in their order: language tags are among them."""
        ...

    def encode(self, text: str) -> list[int]:
        """Ids of a source text, without start, end or language tokens."""
        ...

    def encode_target(self, text: str) -> list[int]:
        """Ids of a target text: a forced prefix, a reference to score."""
        ...

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of generated ids; special tokens have none."""
        ...

    def token_to_id(self, token: str) -> int | None:
        """The id of one exact vocabulary entry, such as `>>de<<`; None if there is none."""
        ...
