"""Links between the words of a source and the units of a translation."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from service.spans import Span
from service.text.markup.units import Units

_WEAK = 0.3  # of the best weight: what attention scatters beside a link
_MAX_TRIES = 8  # occurrences of a word that are looked at


@dataclass(frozen=True, slots=True)
class Tie:
    """Characters `start` to `stop` of the source, linked with one unit of the translation.

    `units` are all those of the link.
    """

    start: int
    stop: int
    unit: int
    units: range
    weight: float


class Texts:
    """The units of a source and of its translation."""

    def __init__(self, source: Units, target: Units) -> None:
        self.source = source
        self.target = target
        self._units_by_text: dict[str, list[int]] = {}
        for unit in range(len(target)):
            self._units_by_text.setdefault(target.text_of(unit), []).append(unit)

    def ties(self, source: Span, target: Span, weight: float) -> Iterator[Tie]:
        """Yield a tie with each unit that a link's target touches; none for an empty link."""
        if source.start < source.stop and weight > 0:
            units = self.target.touching(target.start, target.stop)
            for unit in units:
                yield Tie(source.start, source.stop, unit, units, weight)

    def same(self, text: str, inside: range) -> Iterator[int]:
        """Yield the first few units of the translation with this text."""
        units = self._units_by_text.get(text, [])
        first = bisect_left(units, inside.start)
        for unit in units[first : first + _MAX_TRIES]:
            if unit < inside.stop:
                yield unit


def without_weak(ties: Sequence[Tie]) -> list[Tie]:
    """Return the ties that are not far weaker than the best of their word, or of their unit."""
    of_word: dict[tuple[int, int], float] = {}
    of_unit: dict[int, float] = {}
    for tie in ties:
        word = tie.start, tie.stop
        of_word[word] = max(of_word.get(word, 0.0), tie.weight)
        of_unit[tie.unit] = max(of_unit.get(tie.unit, 0.0), tie.weight)
    return [
        tie
        for tie in ties
        if tie.weight >= _WEAK * max(of_word[tie.start, tie.stop], of_unit[tie.unit])
    ]


class Weights:
    """The links of a part of the translation, summed up.

    Attributes:
        of: For each unit that is linked, the weight of its ties.
        units: Those units, in order.
    """

    def __init__(self, ties: Sequence[Tie]) -> None:
        self.of: dict[int, float] = {}
        for tie in ties:
            self.of[tie.unit] = self.of.get(tie.unit, 0.0) + tie.weight
        self.units = sorted(self.of)
        self._sums = list(accumulate((self.of[unit] for unit in self.units), initial=0.0))

    def between(self, first: int, last: int) -> float:
        """Return the weight of the units after `first` and before `last`."""
        start, stop = bisect_left(self.units, first + 1), bisect_left(self.units, last)
        return self._sums[stop] - self._sums[start]


class Anchors:
    """The linked words of a source, each with the unit that it is linked with most."""

    def __init__(self, ties: Iterable[Tie]) -> None:
        best: dict[tuple[int, int], Tie] = {}
        for tie in ties:
            known = best.get((tie.start, tie.stop))
            if known is None or known.weight < tie.weight:
                best[tie.start, tie.stop] = tie
        self._by_start = sorted(best.values(), key=lambda tie: tie.start)
        self._by_stop = sorted(best.values(), key=lambda tie: tie.stop)

    def before(self, position: int) -> Tie | None:
        """Return the last word that ends at or before a position of the source."""
        index = bisect_right(self._by_stop, position, key=lambda tie: tie.stop)
        return self._by_stop[index - 1] if index else None

    def after(self, position: int) -> Tie | None:
        """Return the first word that begins at or after a position of the source."""
        index = bisect_left(self._by_start, position, key=lambda tie: tie.start)
        return self._by_start[index] if index < len(self._by_start) else None

    def of(self, start: int, stop: int) -> Tie | None:
        """Return the strongest tie of a word, or of one of its parts."""
        first = bisect_left(self._by_start, start, key=lambda tie: tie.start)
        last = bisect_left(self._by_start, stop, key=lambda tie: tie.start)
        ties = [tie for tie in self._by_start[max(first - 1, 0) : last] if tie.stop > start]
        return max(ties, key=lambda tie: tie.weight, default=None)
