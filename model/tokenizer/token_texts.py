"""Decodes token ids of any kind of vocabulary."""

import codecs
from collections.abc import Mapping, Sequence
from enum import Enum

from model.tokenizer.char_spans import CharSpan


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
        return b"".join(self._parts(ids)).decode(errors="replace")

    def spans(self, token_ids: Sequence[int]) -> list[CharSpan]:
        """Return the characters of each id in `decode(token_ids)`; see `Tokenizer`."""
        parts = iter(self._parts([id_ for id_ in token_ids if id_ not in self._silent_ids]))
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        spans, num_chars = [], 0  # complete ones
        for id_ in token_ids:
            part = b"" if id_ in self._silent_ids else next(parts)
            start = num_chars
            num_chars += len(decoder.decode(part))
            is_inside = bool(part and decoder.getstate()[0])  # a character that is not complete
            spans.append((start, num_chars + is_inside))
        return spans

    def _parts(self, ids: Sequence[int]) -> list[bytes]:
        parts = [self._texts.get(id_, self._unknown) for id_ in ids]
        if self._leading_blanks is not LeadingBlanks.KEPT:
            self._drop_leading_blanks(ids, parts)
        return parts

    def _drop_leading_blanks(self, ids: Sequence[int], parts: list[bytes]) -> None:
        """Remove one blank from each leading piece until there is text; unknown ids keep theirs."""
        for place, id_ in enumerate(ids):
            if id_ in self._texts:
                parts[place] = parts[place].removeprefix(b" ")
            if parts[place] or self._leading_blanks is LeadingBlanks.ONE_DROPPED:
                break
