"""The limit on consecutive repetitions of an n-gram (`max_repeats`), which ends loops.

A small model falls into loops, as each repetition makes the next one more probable (Holtzman et
al., 2020). Banning all n-grams that occurred before (`no_repeat_ngram_size`) stops them, but also
"very, very good", a refrain and the zeros of a million. A loop differs from these: its repetitions
are consecutive, many, and without a counterpart in the source.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from operator import eq

from model.engine.params import GenerationParams

# Both are repeated in `model/kernels/src/search.h`, which detects loops in runs of several steps.
MAX_PERIOD = 16  # tokens of the longest n-gram whose repetitions are counted
SHORT_RUN = 6  # repeated tokens that are allowed in any case: the zeros of 1000000
_TARGET_PER_SOURCE = 2  # target tokens of a source token: "000" may become "0", "0", "0"


def banned_by_repeats(sequence: Sequence[int], *, max_repeats: int) -> list[int]:
    """Return tokens that would make an n-gram occur more than `max_repeats` times in a row.

    sequence = [5, 6, 7, 5, 6, 7, 5, 6], max_repeats = 2: 7 would make (5, 6, 7) a third time -> [7]

    Repetitions of `SHORT_RUN` tokens in all are allowed in any case.
    """
    longest = min(MAX_PERIOD, (len(sequence) + 1) // (max_repeats + 1))
    return [
        sequence[-period]
        for period in range(1, longest + 1)
        if sequence[-period] == sequence[-period * max_repeats]  # false in most steps
        and _is_full(sequence, period, rounds=max(max_repeats, SHORT_RUN // period))
    ]


def allow_repeats_of(source_ids: Sequence[int], params: GenerationParams) -> GenerationParams:
    """Return the parameters with `max_repeats` raised to twice the repetitions in the source."""
    if not params.max_repeats:
        return params
    allowed = max(params.max_repeats, _TARGET_PER_SOURCE * count_repeats(source_ids))
    return replace(params, max_repeats=allowed)


def count_repeats(sequence: Sequence[int]) -> int:
    """Return how often in a row the most repeated n-gram occurs; 0 if none occurs twice.

    [7, 5, 6, 5, 6, 5, 7] has (5, 6) twice in a row, and nothing more often -> 2
    """
    periods = range(1, min(MAX_PERIOD, len(sequence) // 2) + 1)
    most = max((_longest_run(sequence, period) // period for period in periods), default=0)
    return most + 1 if most else 0


def _is_full(sequence: Sequence[int], period: int, *, rounds: int) -> bool:
    """Return whether one more token of this period would complete repetition `rounds` + 1."""
    num_tokens = period * (rounds + 1) - 1
    tail = sequence[-num_tokens:]
    return len(tail) == num_tokens and tail[period:] == tail[:-period]


def _longest_run(sequence: Sequence[int], period: int) -> int:
    """Return the most consecutive tokens that each equal the one `period` before."""
    is_same = map(eq, sequence, sequence[period:])
    return max(sum(run) for _, run in groupby(is_same))
