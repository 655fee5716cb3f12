"""Words and signs of a text: a tag may stand between two of them, and in none."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

from service.spans import Span

# Signs that belong to the character before: combining marks, vowel signs, joiners, variants.
_EXTENDERS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u0610-\u061a"
    "\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1"
    "\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u17b4-\u17d3\u1dc0-\u1dff\u200c\u200d"
    "\u20d0-\u20f0\u3099\u309a\ufe00-\ufe0f\ufe20-\ufe2f\U0001f3fb-\U0001f3ff"
)
# Scripts without blanks between words: each character may be followed by a tag.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029"
    "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff"
)
_INDIC = "\u0900-\u0963\u0966-\u0dff"  # letters and vowel signs, which `\w` does not all have
_LETTER = rf"(?:(?![{_UNSPACED}])[\w{_INDIC}{_EXTENDERS}])"
# After an apostrophe a tag may stand ("l'" before "homme"), but not in "don't" or "we've".
_UNIT = re.compile(
    rf"[{_UNSPACED}][{_EXTENDERS}]*+"
    rf"|{_LETTER}++(?:['\u2019](?:{_LETTER}{{1,2}}+(?!{_LETTER})|(?={_LETTER})))?+"
    rf"|\S[{_EXTENDERS}]*+"
)


class Units:
    """The units of a text in order, numbered from 0.

    Attributes:
        text: The text.
        starts: Where each begins.
        stops: Where each ends.
    """

    def __init__(self, text: str, whole: Sequence[Span] = ()) -> None:
        """Find the units; each of the `whole` spans, in order, is one."""
        self.text = text
        self.starts: list[int] = []
        self.stops: list[int] = []
        at = 0
        for span in [*whole, Span(len(text), len(text))]:
            for match in _UNIT.finditer(text, at, span.start):
                self._add(*match.span())
            if span.start < span.stop:
                self._add(span.start, span.stop)
            at = span.stop
        self._whole = {span.start for span in whole}
        self._is_word = [start in self._whole or text[start].isalnum() for start in self.starts]
        self._words = list(accumulate(self._is_word, initial=0))

    def __len__(self) -> int:
        return len(self.starts)

    def is_word(self, unit: int) -> bool:
        return self._is_word[unit]

    def is_whole(self, unit: int) -> bool:
        """Return whether a unit is one of the spans that were given as such."""
        return self.starts[unit] in self._whole

    def text_of(self, unit: int) -> str:
        return self.text[self.starts[unit] : self.stops[unit]]

    def inside(self, start: int, stop: int) -> range:
        """Return the units that lie in characters `start` to `stop` with all they have."""
        return range(bisect_left(self.starts, start), bisect_right(self.stops, stop))

    def touching(self, start: int, stop: int) -> range:
        """Return the units that have a character of `start` to `stop`."""
        return range(bisect_right(self.stops, start), bisect_left(self.starts, stop))

    def num_words(self, start: int, stop: int) -> int:
        """Return how many words have a character of `start` to `stop`."""
        units = self.touching(start, stop)
        return self._words[units.stop] - self._words[units.start] if units else 0

    def around(self, position: int) -> int | None:
        """Return the unit that `position` is inside of; None between two units."""
        unit = bisect_right(self.stops, position)
        is_inside = unit < len(self) and self.starts[unit] < position
        return unit if is_inside else None

    def _add(self, start: int, stop: int) -> None:
        self.starts.append(start)
        self.stops.append(stop)
