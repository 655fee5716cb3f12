"""Beam search with the semantics of Hugging Face's `generate`, on plain numbers.

Each step extends every beam by its best tokens and keeps the `num_beams` best of all. Of the top
2 * num_beams continuations, those that end are finished if they are among the first `num_beams`;
the best of the others become the new beams. Finished hypotheses are ranked by
log-probability / length ** length_penalty.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import Literal, NamedTuple

from model.engine.search.search import Extension, Hypothesis, SearchConfig

_IMPOSSIBLE = float("-inf")


_by_log_prob = itemgetter(0)  # of a `_Continuation`


class _Beam(NamedTuple):
    sequence: tuple[int, ...]
    log_prob: float


# (log-probability, index of the continued beam, token); a plain tuple, as a step creates hundreds.
_Continuation = tuple[float, int, int]


class BeamSearch:
    """The `num_beams` most promising hypotheses, side by side.

    There are always `num_beams`. Where fewer differ (at the start all are the prefix, and after a
    forced token all are the same), the others are copies with a log-probability of -inf, which are
    never continued.
    """

    def __init__(
        self,
        config: SearchConfig,
        *,
        num_beams: int,
        num_return: int,
        length_penalty: float,
        early_stopping: bool | Literal["never"],
    ) -> None:
        self.config = config
        self._num_beams = num_beams
        self._num_return = num_return
        self._length_penalty = length_penalty
        self._early_stopping = early_stopping
        copies = [_Beam(config.prefix_ids, _IMPOSSIBLE)] * (num_beams - 1)
        self._set_beams([_Beam(config.prefix_ids, 0.0), *copies])
        self._num_candidates = (1 + len(config.eos_ids)) * num_beams
        self._finished: list[Hypothesis] = []  # best first, at most num_beams

    @property
    def num_candidates(self) -> int:
        """Enough that `num_beams` continuations are unfinished, however many of them end."""
        return self._num_candidates

    @property
    def sequences(self) -> Sequence[Sequence[int]]:
        return self._sequences

    @property
    def log_probs(self) -> Sequence[float]:
        return [beam.log_prob for beam in self._beams]

    @property
    def live_indices(self) -> Sequence[int]:
        return range(len(self._beams))

    def advance(self, candidates: Sequence[Sequence[tuple[int, float]]]) -> list[int]:
        num_generated = self.config.num_generated(self._beams[0].sequence) + 1
        is_last = num_generated == self.config.max_new_tokens
        eos_ids = self.config.eos_ids
        survivors = []
        for rank, continuation in enumerate(self._best(candidates)):
            if not is_last and continuation[2] not in eos_ids:
                survivors.append(continuation)
            elif rank < self._num_beams:
                self._add_finished(continuation)
        if not survivors or self._is_done(survivors[0][0], num_generated):
            self._set_beams([])
            return []
        _, parent, token_id = survivors[0]
        num_missing = max(0, self._num_beams - len(survivors))
        copies = [(_IMPOSSIBLE, parent, token_id)] * num_missing
        survivors = [*survivors[: self._num_beams], *copies]
        beams = self._beams
        self._set_beams(
            [
                _Beam((*beams[parent].sequence, token_id), log_prob)
                for log_prob, parent, token_id in survivors
            ]
        )
        return [parent for _, parent, _ in survivors]

    def extend(self, extension: Extension) -> None:
        beams = self._beams
        self._set_beams(
            [
                _Beam((*beams[parent].sequence, *token_ids), log_prob)
                for parent, token_ids, log_prob in zip(*extension, strict=True)
            ]
        )

    @property
    def worst_rank(self) -> float:
        """The rank that the best beam must exceed for the search to continue; -inf: any."""
        return self._finished[-1].rank if len(self._finished) == self._num_beams else _IMPOSSIBLE

    @property
    def length_penalty(self) -> float:
        """The exponent of the length in `Hypothesis.rank`."""
        return self._length_penalty

    @property
    def compared_length(self) -> int | None:
        """The length assumed for the best beam when compared with `worst_rank`; None: its own."""
        is_hopeful = self._early_stopping == "never" and self._length_penalty > 0.0
        return self.config.max_new_tokens if is_hopeful else None

    def finished(self) -> tuple[Hypothesis, ...]:
        return tuple(self._finished[: self._num_return])

    def _best(self, candidates: Sequence[Sequence[tuple[int, float]]]) -> list[_Continuation]:
        """Return the best continuations over all beams, without those of -inf or NaN."""
        continuations = [
            (log_prob, parent, token_id)
            for parent, beam in enumerate(self._beams)
            if beam.log_prob > _IMPOSSIBLE
            for token_id, new in candidates[parent]
            if (log_prob := beam.log_prob + new) > _IMPOSSIBLE
        ]
        continuations.sort(key=_by_log_prob, reverse=True)  # stable
        return continuations[: self.num_candidates]

    def _set_beams(self, beams: list[_Beam]) -> None:
        self._beams = beams
        self._sequences = [beam.sequence for beam in beams]

    def _add_finished(self, continuation: _Continuation) -> None:
        log_prob, parent, token_id = continuation
        sequence = (*self._beams[parent].sequence, token_id)
        hypothesis = self.config.finish(
            sequence, log_prob=log_prob, length_penalty=self._length_penalty
        )
        self._finished.append(hypothesis)
        self._finished.sort(key=lambda finished: -finished.rank)
        del self._finished[self._num_beams :]

    def _is_done(self, best_log_prob: float, num_generated: int) -> bool:
        """Return whether no live beam can improve on the finished ones, or need not."""
        if len(self._finished) < self._num_beams:
            return False
        if self._early_stopping is True:
            return True
        length = self.compared_length or num_generated
        return best_log_prob / length**self._length_penalty <= self.worst_rank
