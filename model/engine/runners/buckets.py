"""The shapes that decoding steps are rounded up to, so that each is recorded once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallestShape:
    """The smallest numbers that a step is rounded up to.

    Attributes:
        num_tokens: Target or source tokens; a step is not noticeably faster with fewer.
        num_sources: Sources, except for one alone; a step is not faster with two or three.
        num_encoded: Tokens of a source in the encoder.
    """

    num_tokens: int = 64
    num_sources: int = 4
    num_encoded: int = 16


SMALLEST_SHAPE = SmallestShape()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """The shape of one decoding step.

    Attributes:
        num_sources: Sources of the cross-attention.
        width: The most rows of one source; 1: row i reads source i.
        num_own: Target tokens that each row attends to, its new one included.
        num_keys: Source tokens that each row attends to.
    """

    num_sources: int
    width: int
    num_own: int
    num_keys: int

    @property
    def num_rows(self) -> int:
        return self.num_sources * self.width


class Buckets:
    """All shapes of steps for caches of `num_rows` rows.

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
        smallest: SmallestShape = SMALLEST_SHAPE,
    ) -> None:
        self._sources = {
            width: _steps(smallest.num_sources, num_rows // width, lowest=1)
            for width in sorted(set(widths))
            if width <= num_rows
        }
        self._own = _steps(smallest.num_tokens, max_target_tokens)
        self._keys = _steps(smallest.num_tokens, max_source_tokens)
        self._lengths = _steps(smallest.num_encoded, max_source_tokens)

    def __iter__(self) -> Iterator[Bucket]:
        """Yield all buckets, the largest first: smaller ones reuse its memory when captured."""
        shapes = (
            Bucket(num_sources=num_sources, width=width, num_own=num_own, num_keys=num_keys)
            for width, steps in self._sources.items()
            for num_sources in steps
            for num_own in self._own
            for num_keys in self._keys
        )
        yield from sorted(shapes, key=lambda b: (-b.num_rows, -b.num_own, -b.num_keys, b.width))

    def fit(self, *, num_sources: int, width: int, num_own: int, num_keys: int) -> Bucket | None:
        """Return the smallest bucket that a step fits into; None if it fits into none.

        Args:
            num_sources: Running requests.
            width: The most rows of a request; at least 2 unless row i reads source i.
            num_own: Target tokens of the longest row, its new one included.
            num_keys: Tokens of the longest source.
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
        """Return the padded numbers of sources and tokens of an encoder call.

        Three sources of 75 tokens are encoded as four of 128.
        """
        return 1 << (num_sources - 1).bit_length(), _round_up(num_tokens, self._lengths)


def _steps(first: int, last: int, *, lowest: int | None = None) -> list[int]:
    """Return `first` and its doubles up to `last`: (4, 24, lowest=1) -> 1, 4, 8, 16, 24."""
    steps = [] if lowest is None else [lowest]
    step = first
    while step < last:
        steps.append(step)
        step *= 2
    return sorted({*steps, last})


def _round_up(number: int, steps: Sequence[int]) -> int:
    return next(step for step in steps if step >= number)
