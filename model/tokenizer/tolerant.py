"""A tokenizer that replaces what its vocabulary does not know by what looks the same."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from model.tokenizer.char_spans import CharSpan
from model.tokenizer.lookalikes import base_letter, is_invisible, plain_forms, units_of
from model.tokenizer.tokenizer import Tokenizer

_MAX_CACHED = 20_000  # units; a text may hold any
_MAX_CACHED_CHARS = 4
# Scripts without blanks between words: Thai to Burmese, Khmer, Chinese and Japanese.
_UNSPACED = re.compile(
    "[\u0e00-\u109f\u1780-\u17ff\u2e80-\uabff\uf900-\ufaff\U0001f000-\U0003ffff]"
)


@dataclass(frozen=True, slots=True)
class Readable:
    """A text without the characters that have a look-alike which the vocabulary knows better.

    Attributes:
        text: What is encoded.
        starts: For each character of `text`, and for its end, the offset in the text as given of
            the character that it stands for; None if the two texts are equal.
    """

    text: str
    starts: tuple[int, ...] | None = None


class TolerantTokenizer:
    """Another tokenizer, with look-alikes for unknown characters and no text for unknown tokens.

    A text that the vocabulary knows has the other tokenizer's ids, at the cost of one look for the
    unknown token among them. What a character is replaced by is found when it is first met.
    """

    def __init__(self, inner: Tokenizer, *, unlearned: Iterable[str] = ()) -> None:
        """Wrap a tokenizer.

        Args:
            inner: The checkpoint's own.
            unlearned: Characters that its vocabulary has, but its network never learned; among
                unknown spans, they count.
        """
        self._inner = inner
        self._source = _PlainForms(inner.encode, inner.source_unk_id, frozenset(unlearned))
        self._target = _PlainForms(inner.encode_target, inner.unk_id)

    @property
    def vocab_size(self) -> int:
        return self._inner.vocab_size

    @property
    def source_vocab_size(self) -> int:
        return self._inner.source_vocab_size

    @property
    def special_ids(self) -> frozenset[int]:
        return self._inner.special_ids

    @property
    def unk_id(self) -> int | None:
        return self._inner.unk_id

    @property
    def source_unk_id(self) -> int | None:
        return self._inner.source_unk_id

    @property
    def added_tokens(self) -> Sequence[str]:
        return self._inner.added_tokens

    def encode(self, text: str) -> list[int]:
        return self._source.encode(text)

    def encode_target(self, text: str) -> list[int]:
        return self._target.encode(text)

    def decode(self, token_ids: Sequence[int]) -> str:
        if self.unk_id in token_ids:
            token_ids = [token_id for token_id in token_ids if token_id != self.unk_id]
        return self._inner.decode(token_ids)

    def spans(self, text: str) -> list[CharSpan]:
        return self._source.spans(text, self._inner.spans)

    def target_spans(self, text: str) -> list[CharSpan]:
        return self._target.spans(text, self._inner.target_spans)

    def decoded_spans(self, token_ids: Sequence[int]) -> list[CharSpan]:
        known = [token_id for token_id in token_ids if token_id != self.unk_id]
        found = iter(self._inner.decoded_spans(known))
        spans: list[CharSpan] = []
        for token_id in token_ids:
            if token_id == self.unk_id:
                place = spans[-1][1] if spans else 0
                spans.append((place, place))
            else:
                spans.append(next(found))
        return spans

    def token_to_id(self, token: str) -> int | None:
        return self._inner.token_to_id(token)

    def readable(self, text: str) -> Readable:
        """Return the text whose ids `encode` returns, and where its characters are from."""
        if self._source.knows_all(text):
            return Readable(text)
        return self._source.replace(text)

    def unknown_spans(self, text: str) -> tuple[tuple[int, int], ...]:
        """Return where the vocabulary knows neither the characters nor any that say the same.

        Each span, a start and an exclusive stop, reaches to the ends of its words; words with only
        blanks between them are one, and so are signs that touch.
        """
        if self._source.knows_all(text):
            return ()
        return tuple(_joined(text, _with_words(text, self._source.unknown(text))))


@dataclass(frozen=True, slots=True)
class _Form:
    """A text to be read instead of a unit; `is_same`: it says the same, or the unit is known."""

    text: str
    is_same: bool


class _PlainForms:
    """The forms of units (characters with their marks) in one vocabulary, found by asking it."""

    def __init__(
        self,
        encode: Callable[[str], list[int]],
        unk_id: int | None,
        unlearned: frozenset[str] = frozenset(),
    ) -> None:
        self._ask = encode
        self._unk_id = unk_id
        self._unlearned = unlearned
        self._known: set[str] = set()  # single characters
        self._forms: dict[str, _Form] = {}

    def encode(self, text: str) -> list[int]:
        ids = self._ask(text)
        if self._unk_id in ids:
            readable = self.replace(text)
            if readable.starts is not None:
                return self._ask(readable.text)
        return ids

    def spans(self, text: str, find: Callable[[str], list[CharSpan]]) -> list[CharSpan]:
        """Return the characters of the text as given that the ids of `encode` stand for.

        Args:
            text: As in `encode`.
            find: Returns them for a text that is read as it is.
        """
        readable = self.replace(text) if self._unk_id in self._ask(text) else Readable(text)
        starts = readable.starts
        if starts is None:
            return find(text)
        spans = []
        for start, stop in find(readable.text):
            # What a last character was made of ends where the next one's begins.
            after = bisect_right(starts, starts[stop - 1]) if start < stop else start
            spans.append((starts[start], starts[after]))
        return spans

    def knows_all(self, text: str) -> bool:
        """Return whether each character was met before, and is known."""
        return self._known.issuperset(text)

    def replace(self, text: str) -> Readable:
        parts: list[str] = []
        starts: list[int] = []
        for start, unit in units_of(text):
            form = self._form(unit).text
            parts.append(form)
            if form == unit:
                starts += range(start, start + len(unit))
            else:
                starts += [start] * len(form)
        replaced = "".join(parts)
        return Readable(text) if replaced == text else Readable(replaced, (*starts, len(text)))

    def unknown(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the spans of unknown units, with the invisible characters after them."""
        follows = False
        for start, unit in units_of(text):
            follows = not self._form(unit).is_same or (follows and is_invisible(unit[0]))
            if follows:
                yield start, start + len(unit)

    def _form(self, unit: str) -> _Form:
        form = self._forms.get(unit)
        if form is None:
            form = self._find(unit)
            if len(self._forms) >= _MAX_CACHED:
                self._forms.clear()
                self._known.clear()
            if len(unit) <= _MAX_CACHED_CHARS:
                self._forms[unit] = form
            if len(unit) == 1 and form == _Form(unit, is_same=True):
                self._known.add(unit)
        return form

    def _find(self, unit: str) -> _Form:
        for form in (unit, *plain_forms(unit)):
            if self._is_known(form):
                return _Form(form, is_same=self._unlearned.isdisjoint(unit))
        base = base_letter(unit)
        return _Form(base if base and self._is_known(base) else unit, is_same=False)

    def _is_known(self, text: str) -> bool:
        return self._unk_id not in self._ask(text)


def _with_words(text: str, spans: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield each span of letters with the letters and digits beside it."""
    reached = 0
    for start, stop in spans:
        if stop <= reached:
            continue
        first, last = max(start, reached), stop
        if _is_of_word(text[start]):
            while first > reached and _is_of_word(text[first - 1]):
                first -= 1
            while last < len(text) and _is_of_word(text[last]):
                last += 1
        reached = last
        yield first, last


def _is_of_word(char: str) -> bool:
    """Return whether a character is in words that have blanks between them."""
    is_letter = char.isalnum() or unicodedata.category(char).startswith("M")
    return is_letter and _UNSPACED.match(char) is None


def _joined(text: str, spans: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the spans; words with only blanks between them as one, and signs that touch."""
    first = last = 0
    for start, stop in spans:
        between = text[last:start]
        is_word = text[start].isalnum()
        is_alike = first < last and text[first].isalnum() == is_word
        if is_alike and not (between.strip() if is_word else between):
            last = stop
            continue
        if first < last:
            yield first, last
        first, last = start, stop
    if first < last:
        yield first, last
