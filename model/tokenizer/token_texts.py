"""What token ids say, whatever kind of vocabulary they come from."""

from collections.abc import Mapping, Sequence
from enum import Enum


class LeadingBlanks(Enum):
    """The blanks in front of a decoded text that are only how its first word was encoded."""

    KEPT = 0
    ONE_DROPPED = 1
    ALL_DROPPED = 2


class TokenTexts:
    """Ids to text. An id says bytes, since a character may be spelled by several ids.

    Bytes that are no UTF-8 read as U+FFFD, as they do while a character is not yet complete.
    """

    def __init__(
        self,
        texts: Mapping[int, bytes],
        *,
        silent_ids: frozenset[int],
        unknown: bytes = b"",
        leading_blanks: LeadingBlanks = LeadingBlanks.KEPT,
    ) -> None:
        """Each id in neither `texts` nor `silent_ids` says `unknown`."""
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
        """Each piece in front loses one, until there is text; what is unknown keeps its own."""
        for place, id_ in enumerate(ids):
            if id_ in self._texts:
                parts[place] = parts[place].removeprefix(b" ")
            if parts[place] or self._leading_blanks is LeadingBlanks.ONE_DROPPED:
                break
