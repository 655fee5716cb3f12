"""Augments pairs: changes names, numbers and case alike on both sides, which teaches copying.

Tatoeba has few numbers, one very frequent name and one way to write a sentence. Without
augmentation a small model writes "Tom" and "2:30" for any name and number.
"""

import random
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass

from model.training.corpus import Pair

_NUMBER = re.compile(r"\d+")
_CAPITALIZED = re.compile(r"(?<=[a-zà-ÿ,] )[A-Z][a-zà-ÿ]{2,}\b")  # not the first word
_CONSONANTS = "bdfghjklmnprstvwz"
_VOWELS = "aaaeeeiiiooouuuyöüéá"
_ENDS = "dghklmnrt"  # no s: Toms, Kims
_MAX_RENUMBERED_WORDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class VariationRates:
    """The probability of each change when a pair is drawn."""

    name: str = "Tom"  # the name that is replaced
    skip_name: float = 0.4  # of the pairs with that name: the pair is skipped
    rename: float = 0.6  # of the pairs with that name, the others
    renumber: float = 0.7  # of the pairs with numbers
    upper_case: float = 0.01
    lower_case: float = 0.02
    no_full_stop: float = 0.03  # of all
    address: float = 0.02  # of all: a web or e-mail address is inserted


class Variation:
    """Augmentation of pairs as they are drawn."""

    def __init__(self, rates: VariationRates, *, names: Sequence[str] = ()) -> None:
        """Compile the search for `rates.name`.

        Args:
            rates: The probabilities.
            names: Replace `rates.name` in half of the cases; invented names in the others.
        """
        self._rates = rates
        self._names = names
        self._favourite = re.compile(rf"\b{rates.name}(?='s\b|s?\b)")

    def vary(self, pair: Pair, *, rng: random.Random) -> Pair | None:
        """Return the changed pair; None if it is skipped."""
        if self._favourite.search(pair.source):
            if rng.random() < self._rates.skip_name:
                return None
            if rng.random() < self._rates.rename:
                pair = self._renamed(pair, rng=rng)
        if rng.random() < self._rates.renumber:
            pair = renumbered(pair, rng=rng)
        if rng.random() < self._rates.address:
            pair = with_address(pair, rng=rng)
        return self._written_otherwise(pair, rng=rng)

    def _renamed(self, pair: Pair, *, rng: random.Random) -> Pair:
        count = len(self._favourite.findall(pair.source))
        if count != len(self._favourite.findall(pair.target)):
            return pair
        known = self._names and rng.random() < 0.5  # noqa: PLR2004 - even odds
        other = rng.choice(self._names) if known else invent_name(rng)
        return Pair(
            self._favourite.sub(other, pair.source), self._favourite.sub(other, pair.target)
        )

    def _written_otherwise(self, pair: Pair, *, rng: random.Random) -> Pair:
        rates = self._rates
        draw = rng.random()
        if draw < rates.upper_case:
            return Pair(pair.source.upper(), pair.target.upper())
        if draw < rates.upper_case + rates.lower_case:
            return Pair(pair.source.lower(), pair.target.lower())
        stops = pair.source.endswith(".") and pair.target.endswith(".")
        if stops and draw > 1 - rates.no_full_stop:
            return Pair(pair.source.rstrip("."), pair.target.rstrip("."))
        return pair


def common_names(pairs: Sequence[Pair]) -> list[str]:
    """Return capitalized words inside a sentence that both sides share."""
    shared = (
        set(_CAPITALIZED.findall(pair.source)) & set(_CAPITALIZED.findall(pair.target))
        for pair in pairs
    )
    return sorted(set().union(*shared))


def invent_name(rng: random.Random) -> str:
    """Return an invented name, to be copied by letters: `Tralok`, `Mer Vyrand`, `XK-27`."""
    if rng.random() < 0.1:  # noqa: PLR2004 - a code now and then
        return _invent_code(rng)
    return " ".join(_invent_word(rng) for _ in range(rng.choice((1, 1, 2))))


def _invent_code(rng: random.Random) -> str:
    letters = "".join(rng.choices(string.ascii_uppercase, k=rng.randint(2, 4)))
    return letters + rng.choice(("", f"-{rng.randint(1, 999)}", str(rng.randint(1, 99))))


def _invent_word(rng: random.Random) -> str:
    syllables = (
        rng.choice(_CONSONANTS)
        + rng.choice(("", "", "r"))
        + rng.choice(_VOWELS)
        + rng.choice(("", rng.choice(_ENDS)))
        for _ in range(rng.choice((1, 2, 2, 3)))
    )
    return "".join(syllables).capitalize()


def with_address(pair: Pair, *, rng: random.Random) -> Pair:
    """Return the pair with an invented address after it, or in brackets before both full stops."""
    address = invent_address(rng)
    if pair.source.endswith(".") and pair.target.endswith(".") and rng.random() < 0.5:  # noqa: PLR2004
        return Pair(f"{pair.source[:-1]} ({address}).", f"{pair.target[:-1]} ({address}).")
    return Pair(f"{pair.source} {address}", f"{pair.target} {address}")


def invent_address(rng: random.Random) -> str:
    """Return an address such as `https://www.tralok.org/mer/27` or `mer@tralok.org`."""
    words = (_invent_word(rng).lower() for _ in range(2))
    first, second = (word.encode("ascii", "ignore").decode() for word in words)
    domain = f"{second}.{rng.choice(('com', 'org', 'net', 'de', 'fr', 'es', 'io'))}"
    if rng.random() < 0.25:  # noqa: PLR2004 - one of four
        return f"{first}@{domain}"
    start = rng.choice(("https://", "https://www.", "http://", "www."))
    path = rng.choice(("", f"/{first}", f"/{first}/{rng.randint(1, 9999)}", f"/{first}?id=7"))
    return f"{start}{domain}{path}"


def renumbered(pair: Pair, *, rng: random.Random) -> Pair:
    """Return the pair with each number replaced by one of as many digits, alike on both sides.

    A long pair, or one whose sides have different numbers, is returned unchanged.
    """
    numbers = _NUMBER.findall(pair.source)
    alike = sorted(numbers) == sorted(_NUMBER.findall(pair.target))
    if not numbers or not alike or len(pair.source.split()) > _MAX_RENUMBERED_WORDS:
        return pair
    new: dict[str, str] = {}

    def other(match: re.Match[str]) -> str:
        digits = len(match[0])
        low = 10 ** (digits - 1) if digits > 1 else 0
        return new.setdefault(match[0], str(rng.randint(low, 10**digits - 1)))

    source = _NUMBER.sub(other, pair.source)
    return Pair(source, _NUMBER.sub(other, pair.target))
