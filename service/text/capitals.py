"""Text in capitals: tell it, write it as a sentence for a model, and put an answer in capitals.

Models are trained on sentences in ordinary case. Acronyms stay, and so does what must not change,
such as placeholders, whose spans are given.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from service.spans import Span
from service.text.edits import Edit, Edited

_MIN_LETTERS_OF_ONE = 7  # of a text with one word; NATO and UNESCO are shorter
_MIN_LETTERS_OF_ANY = 4  # of one of several words; GO UP may be anything
_MAX_LETTERS_WITHOUT_VOWEL = 5
_VOWELS = frozenset("AEIOUY")

# Acronyms that have a vowel, and are a word in none of the larger languages.
_ACRONYMS = frozenset(
    "API ASCII CEO CPU DIY EULA FAQ FIFA GPU GUI IBAN IEEE IOS ISBN ISO JSON NASA NATO OECD OPEC "  # noqa: SIM905
    "PIN UEFA UNESCO UNICEF URI URL USA USB UTF VAT VIP YAML".split()
)
_ROMAN = re.compile("[IVX]{2,}+")
_TOKEN = re.compile(r"[\w\u0300-\u036f]++(?:['\u2019\-][\w\u0300-\u036f]++)*+")
_PART = re.compile(r"[^\-]++")
_SENTENCE_END = re.compile(r"[.!?…][\"'\u201d\u2019»)\]]*+\s")


def is_shouted(text: str, *, language: str | None = None, kept: Iterable[Span] = ()) -> bool:
    """Return whether a text is a sentence in capitals, and not acronyms or one short word.

    Args:
        text: One sentence.
        language: ISO 639-1, if known.
        kept: Spans in order, without overlap, that do not count.
    """
    longest = num_words = 0
    for start, stop in _between(text, kept):
        if any(char.islower() for char in text[start:stop]):
            return False
        for part in _lowerable(text, start, stop, language=language):
            num_letters = sum(map(str.isupper, text[part.start : part.stop]))
            num_words += num_letters > 1
            longest = max(longest, num_letters)
    return longest >= (_MIN_LETTERS_OF_ANY if num_words > 1 else _MIN_LETTERS_OF_ONE)


def lowered(text: str, *, language: str | None = None, kept: Iterable[Span] = ()) -> Edited:
    """Return the text as a sentence: its first word with a capital, all others without.

    lowered("DO NOT OPEN IT! I'M AT NASA.", language="en").text    "Do not open it! I'm at NASA."

    Args:
        text: In capitals.
        language: ISO 639-1, if known: the English I is a capital.
        kept: Spans in order, without overlap, that do not change.
    """
    edits: list[Edit] = []
    begins = _beginnings(text)
    begin = next(begins, None)
    spans = tuple(kept)
    first_words = iter(_TOKEN.finditer(text))
    first_word: int | None = None
    for start, stop in _between(text, spans):
        for part in _lowerable(text, start, stop, language=language):
            while begin is not None and begin <= part.start:
                first_word = next((t.start() for t in first_words if t.start() >= begin), None)
                begin = next(begins, None)
            word = text[part.start : part.stop]
            low = word.lower()
            if part.start == first_word:
                low = word[0] + low[len(word[0].lower()) :]
            if low != word:
                edits.append(Edit(part.start, part.stop, low))
    return Edited.of(text, edits)


def raised(text: str, *, kept: Iterable[Span] = ()) -> Edited:
    """Return the text in capitals; ß becomes SS.

    Args:
        text: An answer to a text that was in capitals.
        kept: Spans in order, without overlap, that do not change.
    """
    edits = [
        Edit(word.start(), word.end(), upper)
        for start, stop in _between(text, kept)
        for word in _TOKEN.finditer(text, start, stop)
        # The small letter of a dotted capital I is two characters, and so is the capital of those.
        if (upper := word.group().upper().replace("I\u0307", "\u0130")) != word.group()
    ]
    return Edited.of(text, edits)


def _between(text: str, kept: Iterable[Span]) -> Iterator[tuple[int, int]]:
    """Yield where the text begins and ends around the kept spans."""
    at = 0
    for span in kept:
        yield at, span.start
        at = span.stop
    yield at, len(text)


def _beginnings(text: str) -> Iterator[int]:
    """Yield where sentences begin, or the white space and marks before them."""
    yield 0
    yield from (end.end() for end in _SENTENCE_END.finditer(text))


def _lowerable(text: str, start: int, stop: int, *, language: str | None) -> Iterator[Span]:
    """Yield the words, and parts of words with hyphens, that are no acronyms."""
    for token in _TOKEN.finditer(text, start, stop):
        if any(char.isdigit() or char == "_" for char in token.group()):
            continue
        parts = [(found, _stays(found.group(), language)) for found in _parts(text, token)]
        beside_acronym = any(stays and len(part.group()) > 1 for part, stays in parts)
        for part, stays in parts:
            if not stays and not (beside_acronym and len(part.group()) == 1):
                yield Span(part.start() + (_is_english_i(part.group(), language)), part.end())


def _parts(text: str, token: re.Match[str]) -> Iterator[re.Match[str]]:
    return _PART.finditer(text, token.start(), token.end())


def _is_english_i(word: str, language: str | None) -> bool:
    return language == "en" and (word == "I" or word[:2] in ("I'", "I\u2019"))


def _stays(word: str, language: str | None) -> bool:
    """Return whether a word is in capitals in a sentence, too."""
    if word in _ACRONYMS or _ROMAN.fullmatch(word) or (language == "en" and word == "I"):
        return True
    letters = unicodedata.normalize("NFD", word)
    is_latin = letters[0].isascii()
    has_vowel = not _VOWELS.isdisjoint(letters) or "Æ" in word or "Œ" in word or "Ø" in word
    return is_latin and not has_vowel and 1 < len(word) <= _MAX_LETTERS_WITHOUT_VOWEL
