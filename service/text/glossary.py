"""Find the terms of a glossary in a text, with the translation that each must have there.

A term is found at word boundaries, the leftmost first, and of those the longest; in scripts that
put no blanks between words, anywhere. It is found with capitals that its entry does not have, at
the start of a sentence, in a title or in capitals throughout, and then its target has them too. A
word such as `iPhone` or `US` is found as it is written only. One kind of apostrophe, hyphen or
blank is as good as another, and so is a letter composed or not.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate
from typing import Literal

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from service.pairs import Pair
from service.text.boundaries import cut_at_boundaries, normal_form

MAX_TERM_CHARACTERS = 1_024
MAX_REQUEST_ENTRIES = 1_000
MAX_NAMED_ENTRIES = 100_000

Mode = Literal["enforce", "prefer"]
Part = Literal["source", "target"]

_UNKNOWN = "\0"
_FIRST_SURROGATE, _NUM_SURROGATES = 0xD800, 0x800


class GlossaryError(Exception):
    """An entry that no glossary can have; the message does not hold the term.

    Attributes:
        index: The entry's, from 0.
        part: Its field that is wrong.
        about: Completes the sentence that begins with the field's name.
        earlier: The index of the entry that it contradicts, if it does.
    """

    def __init__(self, index: int, part: Part, about: str, *, earlier: int | None = None) -> None:
        super().__init__(f"[{index}].{part} {about}")
        self.index = index
        self.part: Part = part
        self.about = about
        self.earlier = earlier


@dataclass(frozen=True, slots=True)
class Entry:
    """A term and its translation; None leaves the term as it is.

    `mode`: `enforce` takes the target letter by letter; `prefer` lets the model inflect it.
    """

    source: str
    target: str | None
    mode: Mode = "enforce"

    @property
    def is_left_as_it_is(self) -> bool:
        """True if the translation is to have the very term."""
        return self.target is None and self.mode == "enforce"


class Capitals(Enum):
    """Capitals of a term in a text that its entry does not have."""

    NONE = 0
    FIRST = 1
    ALL = 2

    def applied_to(self, target: str) -> str:
        """Return the target with the same capitals; one such as `iPhone` keeps its own first."""
        if self is Capitals.ALL:
            return target.upper()
        if self is Capitals.FIRST and _is_plain(cut_at_boundaries(target)[0]):
            return _capitalized(target)
        return target


@dataclass(frozen=True, slots=True)
class Match:
    """An entry at the characters `start` to `stop` (exclusive) of a text.

    `target`: what the translation is to have for it, with the capitals that the term has there.
    """

    start: int
    stop: int
    entry: Entry
    target: str


class Glossary:
    """Entries, ready to be found in texts in linear time; does not change."""

    def __init__(
        self, entries: Iterable[Entry], *, name: str | None = None, pair: Pair | None = None
    ) -> None:
        """Index the entries.

        Args:
            entries: In any order.
            name: The glossary's in the catalogue; None for one that came with its request.
            pair: The only languages that it is for; None for any.

        Raises:
            GlossaryError: A source or target is empty or too long, or a source has two targets.
        """
        self.name = name
        self.pair = pair
        self.entries = tuple(entries)
        self._ids = _Ids()
        patterns = self._patterns()
        self._meanings = tuple(patterns.values())
        # Each part of a text becomes one character, so that no match can end within a word.
        self._automaton = AhoCorasick(
            list(patterns),
            matchkind=MatchKind.LeftmostLongest,
            implementation=Implementation.ContiguousNFA,
        )

    def __len__(self) -> int:
        return len(self.entries)

    def find(self, text: str) -> tuple[Match, ...]:
        """Return the terms in the text, in order and without overlap."""
        if not self.entries:
            return ()
        parts = cut_at_boundaries(text)
        ids = self._ids
        encoded = "".join([ids.get(part) or ids.get(normal_form(part), _UNKNOWN) for part in parts])
        starts = [0, *accumulate(map(len, parts))]
        found = self._automaton.find_matches_as_indexes(encoded)
        return tuple(self._match(text, starts[a], starts[b], which) for which, a, b in found)

    def _match(self, text: str, start: int, stop: int, which: int) -> Match:
        entry, capitals = self._meanings[which]
        target = text[start:stop] if entry.target is None else capitals.applied_to(entry.target)
        return Match(start, stop, entry, target)

    def _patterns(self) -> dict[str, tuple[Entry, Capitals]]:
        """Return entry and capitals by encoded term; an entry's own capitals go before others'."""
        words = [_checked(index, entry) for index, entry in enumerate(self.entries)]
        own: dict[str, int] = {}
        for index, term in enumerate(words):
            earlier = own.setdefault(self._encoded(term), index)
            if not _agree(self.entries[earlier], self.entries[index]):
                raise GlossaryError(index, "source", "has another target or mode", earlier=earlier)
        patterns = {p: (self.entries[i], Capitals.NONE) for p, i in own.items()}
        for index in own.values():
            for capitals, term in _with_capitals(words[index]):
                patterns.setdefault(self._encoded(term), (self.entries[index], capitals))
        return patterns

    def _encoded(self, parts: Sequence[str]) -> str:
        return "".join([self._ids[part] for part in parts])


class _Ids(dict[str, str]):
    """A character for each word, sign or blank in its normal form, made when it is first needed.

    100,000 terms of three words, each with three ways of capitals, are within Unicode's million.
    """

    def __missing__(self, part: str) -> str:
        number = len(self) + 1
        char = chr(number if number < _FIRST_SURROGATE else number + _NUM_SURROGATES)
        self[part] = char
        return char


def _checked(index: int, entry: Entry) -> list[str]:
    """Return the parts of the entry's source in normal form.

    Raises:
        GlossaryError: The source or the target is empty or too long.
    """
    if entry.target is not None:
        _parts(index, "target", entry.target)
    return _parts(index, "source", entry.source)


def _parts(index: int, part: Part, term: str) -> list[str]:
    if len(term) > MAX_TERM_CHARACTERS:
        about = f"has {len(term)} characters; at most {MAX_TERM_CHARACTERS} are allowed"
        raise GlossaryError(index, part, about)
    parts = parts_of(term)
    if not parts:
        raise GlossaryError(index, part, "is empty")
    return parts


def parts_of(term: str) -> list[str]:
    """Return the words, blanks and signs of a term in their normal form.

    Two terms that have the same are one; a term that has none is empty.
    """
    return [p for p in map(normal_form, cut_at_boundaries(term.strip())) if p]


def _agree(one: Entry, other: Entry) -> bool:
    return (one.target, one.mode) == (other.target, other.mode)


def _with_capitals(parts: list[str]) -> Iterator[tuple[Capitals, list[str]]]:
    """Yield the ways to write a term with more capitals than its own."""
    if all(map(_is_plain, parts)):
        yield Capitals.FIRST, [_capitalized(parts[0]), *parts[1:]]
        if len(parts) > 1:
            yield Capitals.FIRST, list(map(_capitalized, parts))
        yield Capitals.ALL, [part.upper() for part in parts]


def _is_plain(word: str) -> bool:
    """Return whether at most the first letter is a capital."""
    return word[1:] == word[1:].lower()


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]
