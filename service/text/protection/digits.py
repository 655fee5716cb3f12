"""Compare the numbers of a text with those of its translation."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from service.text.masking import Protected

_SEPARATORS = ".,:'\u2019\u00a0\u202f"
_NUMBER = re.compile(rf"\d++(?:[{_SEPARATORS}]\d++)*+")
_RUN = re.compile(r"\d++")
_AFTERNOON = re.compile(r"\s?+p\.?\s?m\b", re.IGNORECASE)
_HOURS = {str(hour): str(hour + 12) for hour in range(1, 12)}
# Ordinals may become words, and a number of myriads another number: 3\u4e07 is 30,000.
_NOT_COMPARED = re.compile(
    "(?:st|nd|rd|th|ers?|\u00e8re|e|\u00e8me|do|to|vo|ro|mo)\\b"
    "|[\u00ba\u00aa\u5341\u767e\u5343\u4e07\u842c\u5104\u4ebf\ub9cc\uc5b5]"
)


@dataclass(frozen=True, slots=True)
class _Number:
    """A number in a text; `runs` are its digits between separators, in ASCII."""

    start: int
    stop: int
    runs: tuple[str, ...]

    @property
    def digits(self) -> str:
        return "".join(self.runs)


def lost_numbers(source: str, output: str) -> tuple[Protected, ...]:
    """Return the numbers of the source whose digits the output lacks, in order.

    Separators may differ (1,250.75 and 1.250,75), also in their places (10/5 and 5.10.), digits may
    be of another script, and 5 p.m. is 17 h. Numbers that the output has beside them are ignored.
    """
    numbers = list(_numbers(output))
    wholes = Counter(number.digits for number in numbers)
    runs = Counter(run for number in numbers for run in number.runs)
    lost: list[Protected] = []
    for number in _numbers(source):
        if _NOT_COMPARED.match(source, number.stop):
            continue
        if all(runs[run] >= needed for run, needed in Counter(number.runs).items()):
            runs.subtract(number.runs)
            wholes[number.digits] -= 1
        elif wholes[number.digits] > 0:
            wholes[number.digits] -= 1
        else:
            lost.append(Protected(number.start, number.stop, source[number.start : number.stop]))
    return tuple(lost)


def _numbers(text: str) -> Iterator[_Number]:
    for found in _NUMBER.finditer(text):
        runs = [_ascii(run) for run in _RUN.findall(found[0])]
        if _AFTERNOON.match(text, found.end()) and runs[0] in _HOURS:
            runs[0] = _HOURS[runs[0]]
        yield _Number(*found.span(), tuple(runs))


def _ascii(digits: str) -> str:
    return digits if digits.isascii() else "".join(str(int(digit)) for digit in digits)
