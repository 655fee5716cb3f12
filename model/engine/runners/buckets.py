"""The few shapes that steps are rounded up to, each to be recorded once; plain integers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_FEWEST_TOKENS = 64  # shorter tables are not read noticeably faster
_FEWEST_SOURCES = 4  # nor do fewer rows, unless it is one, take less time
_FEWEST_ENCODED = 16  # tokens of one source


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """The shape of one decoding step.

    Attributes:
        num_sources: Sources that are read.
        width: Rows that each source has at most; 1 says that row i reads source i.
        num_own: Target tokens that each row reads, its new one included.
        num_keys: Source tokens that each row reads.
    """

    num_sources: int
    width: int
    num_own: int
    num_keys: int

    @property
    def num_rows(self) -> int:
        return self.num_sources * self.width


class Buckets:
    """All shapes, for caches of `num_rows` rows of so many target and source tokens.

    num_rows = 128, max_target_tokens = 200, max_source_tokens = 512, widths = (1, 4):
    1, 4, 8, ... 128 sources of 1 row and 1, 4, 8, ... 32 of 4 rows, 64, 128 or 200 target tokens,
    64, 128, 256 or 512 source tokens
    """

    def __init__(
        self,
        *,
        num_rows: int,
        max_target_tokens: int,
        max_source_tokens: int,
        widths: Sequence[int] = (1,),
    ) -> None:
        self._sources = {
            width: _steps(_FEWEST_SOURCES, num_rows // width, lowest=1)
            for width in sorted(set(widths))
            if width <= num_rows
        }
        self._own = _steps(_FEWEST_TOKENS, max_target_tokens)
        self._keys = _steps(_FEWEST_TOKENS, max_source_tokens)
        self._lengths = _steps(_FEWEST_ENCODED, max_source_tokens)

    def __iter__(self) -> Iterator[Bucket]:
        """All of them, the largest first: what is captured later finds its memory there."""
        shapes = (
            Bucket(num_sources=num_sources, width=width, num_own=num_own, num_keys=num_keys)
            for width, steps in self._sources.items()
            for num_sources in steps
            for num_own in self._own
            for num_keys in self._keys
        )
        yield from sorted(shapes, key=lambda b: (-b.num_rows, -b.num_own, -b.num_keys, b.width))

    def fit(self, *, num_sources: int, width: int, num_own: int, num_keys: int) -> Bucket | None:
        """The smallest one that holds a step; None where there is none.

        Args:
            num_sources: Requests that run.
            width: The most rows that one of them has, or more: 1 needs row i to read source i.
            num_own: The most target tokens, new ones included.
            num_keys: The most source tokens.
        """
        fitting = min((each for each in self._sources if each >= width), default=None)
        if fitting is None or num_sources > self._sources[fitting][-1]:
            return None
        return Bucket(
            num_sources=_round_up(num_sources, self._sources[fitting]),
            width=fitting,
            num_own=_round_up(num_own, self._own),
            num_keys=_round_up(num_keys, self._keys),
        )

    def encoded(self, *, num_sources: int, num_tokens: int) -> tuple[int, int]:
        """The sources and tokens that so many are encoded as: powers of two, mostly.

        Three sources of 75 tokens are encoded as four of 128.
        """
        return 1 << (num_sources - 1).bit_length(), _round_up(num_tokens, self._lengths)


def _steps(first: int, last: int, *, lowest: int | None = None) -> list[int]:
    """From `first` on by doubling, up to `last`: (4, 24, lowest=1) -> 1, 4, 8, 16, 24."""
    steps = [] if lowest is None else [lowest]
    step = first
    while step < last:
        steps.append(step)
        step *= 2
    return sorted({*steps, last})


def _round_up(number: int, steps: Sequence[int]) -> int:
    return next(step for step in steps if step >= number)
