"""Decodes token ids of any kind of vocabulary."""

from collections.abc import Mapping, Sequence
from enum import Enum


class LeadingBlanks(Enum):
    """The leading blanks that decoding drops, as encoding had added them."""

    KEPT = 0
    ONE_DROPPED = 1
    ALL_DROPPED = 2


class TokenTexts:
    """The bytes of each id; several ids may spell one character.

    Bytes that are no valid UTF-8, such as an incomplete character, decode to U+FFFD.
    """

    def __init__(
        self,
        texts: Mapping[int, bytes],
        *,
        silent_ids: frozenset[int],
        unknown: bytes = b"",
        leading_blanks: LeadingBlanks = LeadingBlanks.KEPT,
    ) -> None:
        """Set the bytes of ids: none for `silent_ids`, `unknown` for others not in `texts`."""
        self._texts = texts
        self._silent_ids = silent_ids
        self._unknown = unknown
        self._leading_blanks = leading_blanks

    def decode(self, token_ids: Sequence[int]) -> str:
        ids = [id_ for id_ in token_ids if id_ not in self._silent_ids]
        parts = [self._texts.get(id_, self._unknown) for id_ in ids]
        if self._leading_blanks is not LeadingBlanks.KEPT:
            self._drop_leading_blanks(ids, parts)
        return b"".join(parts).decode(errors="replace")

    def _drop_leading_blanks(self, ids: Sequence[int], parts: list[bytes]) -> None:
        """Remove one blank from each leading piece until there is text; unknown ids keep theirs."""
        for place, id_ in enumerate(ids):
            if id_ in self._texts:
                parts[place] = parts[place].removeprefix(b" ")
            if parts[place] or self._leading_blanks is LeadingBlanks.ONE_DROPPED:
                break
