"""Teaches copying: numbers and names change, alike on both sides of a pair.

Tatoeba has few numbers and one favourite name. Without this, a small model learns both by heart and
writes "Tom" and "2:30" wherever a name and a number stand.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from model.training.corpus import Pair

_NUMBER = re.compile(r"\d+")
_CONSONANTS = "bdfghjklmnprstvwz"
_VOWELS = "aaaeeeiiiooouuuyöü"
_ENDS = "dghklmnrt"  # no s: Toms, Kims
_MAX_REPLACED_WORDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Substitutions:
    """How much of the text is changed."""

    name: str = "Tom"  # the name that gives way to others
    name_rate: float = 0.4  # of the pairs with that name that get another one instead
    number_copies: int = 6  # pairs with other numbers that are added for each pair with numbers


def substitute(pairs: Sequence[Pair], settings: Substitutions, *, rng: random.Random) -> list[Pair]:
    """The pairs, some with another name, followed by those with other numbers."""
    named = [_maybe_rename(pair, settings, rng=rng) for pair in pairs]
    return named + list(_renumbered(named, settings.number_copies, rng=rng))


def _maybe_rename(pair: Pair, settings: Substitutions, *, rng: random.Random) -> Pair:
    name = re.compile(rf"\b{settings.name}(?='s\b|s?\b)")
    count = len(name.findall(pair.source))
    if not count or count != len(name.findall(pair.target)) or rng.random() >= settings.name_rate:
        return pair
    other = invent_name(rng)
    return Pair(name.sub(other, pair.source), name.sub(other, pair.target))


def invent_name(rng: random.Random) -> str:
    """A name that nobody has, to be copied letter by letter: `Tralok`, `Mer Vyrand`."""
    return " ".join(_invent_word(rng) for _ in range(rng.choice((1, 1, 2))))


def _invent_word(rng: random.Random) -> str:
    syllables = (
        rng.choice(_CONSONANTS)
        + rng.choice(("", "", "r"))
        + rng.choice(_VOWELS)
        + rng.choice(("", rng.choice(_ENDS)))
        for _ in range(rng.choice((1, 2, 2, 3)))
    )
    return "".join(syllables).capitalize()


def _renumbered(pairs: Sequence[Pair], copies: int, *, rng: random.Random) -> Iterator[Pair]:
    for pair in pairs:
        numbers = _NUMBER.findall(pair.source)
        alike = sorted(numbers) == sorted(_NUMBER.findall(pair.target))
        if numbers and alike and len(pair.source.split()) <= _MAX_REPLACED_WORDS:
            for _ in range(copies):
                yield _renumber(pair, rng=rng)


def _renumber(pair: Pair, *, rng: random.Random) -> Pair:
    """Each number becomes another of as many digits, the same one on both sides."""
    new: dict[str, str] = {}

    def other(match: re.Match[str]) -> str:
        digits = len(match[0])
        low = 10 ** (digits - 1) if digits > 1 else 0
        return new.setdefault(match[0], str(rng.randint(low, 10**digits - 1)))

    source = _NUMBER.sub(other, pair.source)
    return replace(pair, source=source, target=_NUMBER.sub(other, pair.target))
