"""Decide whether a sentence ends at a stop, by what stands before and after it."""

import re
from collections.abc import Iterator
from typing import NamedTuple, Self

from service.text.abbreviations import Abbreviations

_NEAR_CHARACTERS = 40  # before a full stop, in which an abbreviation is looked for
_MAX_PARTS = 4  # of an abbreviation: "i. d. R."
_MAX_UNKNOWN_LETTERS = 4  # of an abbreviation that no list has
_MAX_INITIALS = 2  # letters of a word that is an initial before a full stop: "J. A. Smith"
_MAX_ORDINAL_DIGITS = 3
_MAX_ADVERBIAL_WORDS = 5
_VOWELS = frozenset("aeiouyäöüáéíóúàèùâêîôûëïœ")
_UNITS = frozenset(["in", "sec", "min"])  # abbreviations after a number, words elsewhere
_ELISIONS = frozenset("LCJDNSMT") | {"Qu"}  # before an apostrophe in French
_APOSTROPHES = ("'", "\u2019")
_BRACKETS = frozenset(")]")
_CLOSING_QUOTES = frozenset('"”“»«')
_LEADING_MARKS = "([{\"'“”„«»\u2039\u203a\u201a\u2018\u2019¿¡*_—\u2013-"

_PICTURES = "\u2600-\u27bf\U0001f000-\U0001faff\u200d\ufe0f"
_CLOSERS = rf"[\"'”\u2019“»«\u203a\u2039)\]}}*_{_PICTURES}]*+"
# The stop, what closes quotes, and the blanks up to what follows.
_END = re.compile(rf"(?P<mark>[.!?…]++)(?P<closers>{_CLOSERS})\s++(?=\S)")
_END_SPACED_QUOTE = re.compile(
    rf"(?P<mark>[.!?…]++)(?P<closers>{_CLOSERS}(?:[ \u00a0\u202f]++»)?+)\s++(?=\S)"
)
_NEXT = re.compile(r"(?P<opening>[^\w\s]*+)\s?+(?P<word>\w*+)(?P<after>.?)", re.DOTALL)
_SPEAKER = re.compile(r"\w++(?: [A-ZÀ-Þ]\w*+)?+ (?P<verb>\w++)")
_ADDRESS = re.compile(r"[^\s@:]*+(?:@|://)|\W*+www[._]")
_PICTURE = re.compile(rf"[{_PICTURES}]")
_ROMAN = re.compile(r"(?=[IVXLCDM])M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_DOTTED = re.compile(r"(?:\w\.-?)++\w(?:\w(?!\w))?+")
_HYPHENED_INITIAL = re.compile(r"\w++-[A-ZÀ-Þ]")


class Following(NamedTuple):
    """The text after a stop: marks that open quotes, a word, and the character after that."""

    opening: str
    word: str
    after: str

    @classmethod
    def at(cls, line: str, start: int) -> Self:
        """Read what stands at `start`."""
        found = _NEXT.match(line, start)
        assert found is not None  # noqa: S101 - each of its parts may be empty
        return cls(found["opening"], found["word"], found["after"])

    @property
    def is_number(self) -> bool:
        """The word begins with a digit."""
        return self.word[:1].isdigit()


class Stop(NamedTuple):
    """Stops in a row at `start`, the marks that close quotes, and blanks up to `end`."""

    line: str
    start: int
    end: int
    mark: str
    closers: str

    @property
    def following(self) -> Following:
        """The text after the blanks."""
        return Following.at(self.line, self.end)

    @property
    def is_bracketed(self) -> bool:
        """The stop ends what is in brackets."""
        return not _BRACKETS.isdisjoint(self.closers)


def stops(line: str, rules: Abbreviations | None) -> Iterator[Stop]:
    """Yield the stops before a blank."""
    pattern = _END_SPACED_QUOTE if rules is not None and rules.has_spaced_quotes else _END
    for match in pattern.finditer(line):
        yield Stop(line, match.start(), match.end(), match["mark"], match["closers"])


def ends_sentence(stop: Stop, begin: int, rules: Abbreviations | None) -> bool | None:
    """Return whether the sentence that begins at `begin` ends at the stop; None if no rule says."""
    following = stop.following
    if _PICTURE.search(following.opening) or _PICTURE.search(stop.closers):
        return True
    if _continues(stop, following):
        return False
    if not following.word:
        return None
    if rules is None:
        return _without_rules(stop, begin, following)
    is_ellipsis = "…" in stop.mark or stop.mark.startswith("..")
    is_full_stop = stop.mark[-1] == "."
    decide = (
        _after_ellipsis if is_ellipsis else _after_full_stop if is_full_stop else _after_exclamation
    )
    return decide(stop, begin, following, rules)


def begins_sentence(following: Following, rules: Abbreviations) -> bool:
    """Return whether the next word begins a sentence, rather than being a name."""
    if any(mark in following.opening for mark in "¿¡"):
        return True
    word, after = following.word, following.after
    if after == "." and len(word) <= _MAX_INITIALS:
        return False
    is_elided = rules.has_spaced_quotes and after in _APOSTROPHES and word in _ELISIONS
    return is_elided or word in rules.begins


def is_lower(character: str) -> bool:
    """Return whether a letter has a capital to begin a sentence with, and is none.

    Georgian has lower-case letters by name, but no capitals in sentences.
    """
    return character.islower() and character.title() != character


def _continues(stop: Stop, following: Following) -> bool:
    """Return whether a small letter, of no address, or a hyphen continues a sentence."""
    if following.word and is_lower(following.word[0]):
        return _ADDRESS.match(stop.line, stop.end) is None
    is_hyphened = following.opening[:1] in (",", "-") and bool(following.word)
    return is_hyphened and not stop.line[stop.end + 1].isspace()


def _without_rules(stop: Stop, begin: int, following: Following) -> bool | None:
    if stop.mark != "." or not following.is_number:
        return None
    words = _words_before(stop, begin)
    return False if words and len(words[-1]) <= _MAX_UNKNOWN_LETTERS else None


def _after_ellipsis(_: Stop, __: int, following: Following, ___: Abbreviations) -> bool | None:
    return True if following.word[0].isupper() or following.opening else None


def _after_exclamation(
    stop: Stop, begin: int, following: Following, rules: Abbreviations
) -> bool | None:
    if stop.is_bracketed:
        return stop.line[begin : begin + 1] in ("(", "[")
    if stop.closers:
        return _after_quote(stop, following, rules)
    return True if following.is_number else None


def _after_quote(stop: Stop, following: Following, rules: Abbreviations) -> bool | None:
    """Return whether what follows direct speech does not say whose it is: "Anna asked."."""
    speaker = _SPEAKER.match(stop.line, stop.end)
    if speaker is not None and speaker["verb"] in rules.said:
        return False
    is_quote = not _CLOSING_QUOTES.isdisjoint(stop.closers)
    return True if is_quote and begins_sentence(following, rules) else None


def _after_full_stop(
    stop: Stop, begin: int, following: Following, rules: Abbreviations
) -> bool | None:
    words = _words_before(stop, begin)
    if not words:
        return None
    is_first = len(words) == 1 and stop.start - begin <= _NEAR_CHARACTERS
    kind = _kind(words, following, rules) or _shape(words, following, rules, is_first=is_first)
    if kind is not None:
        return _after_abbreviation(kind, stop, begin, rules)
    if following.is_number:
        return _before_number(words[-1], following, is_first=is_first)
    after_quote = _after_quote(stop, following, rules) if stop.closers else None
    return True if after_quote is None and stop.is_bracketed else after_quote


def _after_abbreviation(kind: str, stop: Stop, begin: int, rules: Abbreviations) -> bool:
    following = stop.following
    if following.is_number or kind not in ("often", "seldom"):
        return False
    if kind == "seldom":
        return begins_sentence(following, rules)
    return not _goes_on(stop, begin, following, rules)


def _before_number(word: str, following: Following, *, is_first: bool) -> bool | None:
    """Return whether a sentence ends after a word of no list, which may be an abbreviation."""
    if not word.isalpha() or is_first:
        return None
    if following.after in (".", ")"):
        return True
    if len(word) <= _MAX_UNKNOWN_LETTERS and word[0].isupper():
        return False
    return None if _VOWELS.isdisjoint(word) else True


def _words_before(stop: Stop, begin: int) -> list[str]:
    """Return the last words before a stop, without the marks that open quotes and brackets."""
    if stop.line[stop.start - 1 : stop.start].isspace():
        return []
    near = stop.line[max(begin, stop.start - _NEAR_CHARACTERS) : stop.start]
    return [chunk.lstrip(_LEADING_MARKS) for chunk in near.split()]


def _kind(words: list[str], following: Following, rules: Abbreviations) -> str | None:
    """Return the list of the abbreviation that the words end in; None if that is a mere word."""
    kind = _listed(words, rules)
    if kind != "with_number":
        return kind
    is_roman = len(following.word) > 1 and _is_roman(following.word)
    is_word = words[-1] in _UNITS and not _follows_number(words)
    return kind if (following.is_number or is_roman) and not is_word else None


def _listed(words: list[str], rules: Abbreviations) -> str | None:
    """Return the list that has the abbreviation of several parts, or of one."""
    parts = [words[-1]]
    for word in reversed(words[-_MAX_PARTS:-1]):
        if not word.endswith(".") or len(word) > _MAX_UNKNOWN_LETTERS:
            break
        parts.insert(0, word)
    for first in range(len(parts)):
        kind = rules.kind("".join(parts[first:]))
        if kind is not None:
            return kind
    for mark in ("-", "/", "(", *_APOSTROPHES):
        head, _, tail = words[-1].rpartition(mark)
        if head and tail:
            return rules.kind(tail)
    return None


def _follows_number(words: list[str]) -> bool:
    return len(words) > 1 and words[-2][-1:].isdigit()


def _shape(
    words: list[str], following: Following, rules: Abbreviations, *, is_first: bool
) -> str | None:
    """Return the kind of what no list has: initials, acronyms, ordinals, streets."""
    word = words[-1]
    if len(word) == 1 and word.isalpha():
        is_initial = following.after == "." and len(following.word) <= _MAX_INITIALS
        goes_on = following.is_number or is_initial or rules.has_ordinals
        is_unit = word.islower() and _follows_number(words) and not goes_on
        return None if is_unit else "never" if is_first else "seldom"
    if _DOTTED.fullmatch(word) or _HYPHENED_INITIAL.fullmatch(word) or ".-" in word:
        return "seldom"
    if word.isdigit():
        if is_first:
            return "never"
        return "seldom" if rules.has_ordinals and len(word) <= _MAX_ORDINAL_DIGITS else None
    if _is_roman(word):
        return "never" if is_first else "seldom" if rules.has_ordinals else None
    return "seldom" if word.endswith(rules.suffixes) else None


def _goes_on(stop: Stop, begin: int, following: Following, rules: Abbreviations) -> bool:
    """Return whether a sentence goes on before a capital after "etc." or a time."""
    if following.word in rules.going_on or stop.is_bracketed:
        return True
    if stop.start - begin > _NEAR_CHARACTERS:
        return False
    words = stop.line[begin : stop.start].split()
    is_adverbial = words[0] in rules.adverbials and len(words) <= _MAX_ADVERBIAL_WORDS
    return is_adverbial and not begins_sentence(following, rules)


def _is_roman(word: str) -> bool:
    return _ROMAN.fullmatch(word) is not None
