"""The repetition guard: a hypothesis that says one thing over and over is led out of it.

A small model falls into loops, as every round makes the next more probable (Holtzman et al., 2020).
Forbidding all n-grams that were there before (`no_repeat_ngram_size`) stops that, and also "very,
very good", a refrain and the zeros of a million. A loop is told from these by its rounds: they
follow each other at once, many times, and the source has nothing like them.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from operator import eq

from model.engine.params import GenerationParams

# Both are in `model/kernels/src/search.h` again, which sees loops in steps that Python does not.
MAX_PERIOD = 16  # tokens of the longest n-gram whose repetitions are counted
SHORT_RUN = 6  # tokens that are no loop yet, whatever they repeat: 1000000, spelt digit by digit
_TARGET_PER_SOURCE = 2  # what is one token there may be two here: "000" and "0", "0", "0"


def banned_by_repeats(sequence: Sequence[int], *, max_repeats: int) -> list[int]:
    """Tokens that would make an n-gram occur more than `max_repeats` times in a row.

    sequence = [5, 6, 7, 5, 6, 7, 5, 6], max_repeats = 2: 7 would make (5, 6, 7) a third time -> [7]

    `SHORT_RUN` tokens in all are allowed in any case.
    """
    longest = min(MAX_PERIOD, (len(sequence) + 1) // (max_repeats + 1))
    return [
        sequence[-period]
        for period in range(1, longest + 1)
        if sequence[-period] == sequence[-period * max_repeats]  # all that most steps look at
        and _is_full(sequence, period, rounds=max(max_repeats, SHORT_RUN // period))
    ]


def allow_repeats_of(source_ids: Sequence[int], params: GenerationParams) -> GenerationParams:
    """The parameters for one source: what repeats itself there may do so in the output, too."""
    if not params.max_repeats:
        return params
    allowed = max(params.max_repeats, _TARGET_PER_SOURCE * count_repeats(source_ids))
    return replace(params, max_repeats=allowed)


def count_repeats(sequence: Sequence[int]) -> int:
    """How often in a row the most repeated n-gram occurs; 0 where none does twice.

    [7, 5, 6, 5, 6, 5, 7] has (5, 6) twice in a row, and nothing more often -> 2
    """
    periods = range(1, min(MAX_PERIOD, len(sequence) // 2) + 1)
    most = max((_longest_run(sequence, period) // period for period in periods), default=0)
    return most + 1 if most else 0


def _is_full(sequence: Sequence[int], period: int, *, rounds: int) -> bool:
    """One more token of the same period would complete a round beyond `rounds`."""
    num_tokens = period * (rounds + 1) - 1
    tail = sequence[-num_tokens:]
    return len(tail) == num_tokens and tail[period:] == tail[:-period]


def _longest_run(sequence: Sequence[int], period: int) -> int:
    """The most tokens in a row that each equal the one `period` before."""
    is_same = map(eq, sequence, sequence[period:])
    return max(sum(run) for _, run in groupby(is_same))
