"""Beam search with the semantics of Hugging Face's `generate`, on plain numbers.

Each step extends every beam by its best tokens and keeps the `num_beams` best of all. Of the top 2
* num_beams candidates, those that end and are among the first `num_beams` become finished; the best
of the others live on. Finished hypotheses are ranked by log-probability / length ** length_penalty.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from model.engine.search import Candidate, Frame, Hypothesis

_IMPOSSIBLE = float("-inf")


@dataclass(frozen=True, slots=True)
class _Beam:
    sequence: tuple[int, ...]
    log_prob: float


@dataclass(frozen=True, slots=True)
class _Continuation:
    parent: int
    token_id: int
    log_prob: float
    ends: bool


class BeamSearch:
    """The `num_beams` most promising hypotheses, side by side.

    There are always that many. Where fewer differ (at the start all are the prefix, and after a
    forced token there is still but one), the others are copies with a log-probability of -inf, and
    say nothing.
    """

    def __init__(
        self,
        frame: Frame,
        *,
        num_beams: int,
        num_return: int,
        length_penalty: float,
        early_stopping: bool | Literal["never"],
    ) -> None:
        self.frame = frame
        self._num_beams = num_beams
        self._num_return = num_return
        self._length_penalty = length_penalty
        self._early_stopping = early_stopping
        self._beams = [_Beam(frame.prefix_ids, 0.0)]
        self._beams += [_Beam(frame.prefix_ids, _IMPOSSIBLE)] * (num_beams - 1)
        self._finished: list[Hypothesis] = []  # best first, at most num_beams

    @property
    def num_candidates(self) -> int:
        """Enough that `num_beams` live on even if every beam's best tokens end it."""
        return (1 + len(self.frame.eos_ids)) * self._num_beams

    @property
    def sequences(self) -> Sequence[Sequence[int]]:
        return [beam.sequence for beam in self._beams]

    @property
    def live_indices(self) -> Sequence[int]:
        return range(len(self._beams))

    def advance(self, candidates: Sequence[Sequence[Candidate]]) -> list[int]:
        num_generated = self.frame.num_generated(self._beams[0].sequence) + 1
        best = self._best(candidates, is_last=num_generated == self.frame.max_new_tokens)
        for continuation in best[: self._num_beams]:
            if continuation.ends:
                self._add_finished(continuation)
        survivors = [continuation for continuation in best if not continuation.ends]
        if not survivors or self._is_done(survivors[0].log_prob, num_generated):
            self._beams = []
            return []
        num_missing = max(0, self._num_beams - len(survivors))
        copies = [replace(survivors[0], log_prob=_IMPOSSIBLE)] * num_missing
        survivors = [*survivors[: self._num_beams], *copies]
        self._beams = [
            _Beam((*self._beams[c.parent].sequence, c.token_id), c.log_prob) for c in survivors
        ]
        return [continuation.parent for continuation in survivors]

    def finished(self) -> tuple[Hypothesis, ...]:
        return tuple(self._finished[: self._num_return])

    def _best(
        self, candidates: Sequence[Sequence[Candidate]], *, is_last: bool
    ) -> list[_Continuation]:
        """The best continuations over all beams; an impossible one (-inf, NaN) is none."""
        continuations = [
            _Continuation(
                parent=index,
                token_id=candidate.token_id,
                log_prob=beam.log_prob + candidate.log_prob,
                ends=is_last or candidate.token_id in self.frame.eos_ids,
            )
            for index, beam in enumerate(self._beams)
            for candidate in candidates[index]
            if beam.log_prob + candidate.log_prob > _IMPOSSIBLE
        ]
        continuations.sort(key=lambda continuation: -continuation.log_prob)
        return continuations[: self.num_candidates]

    def _add_finished(self, continuation: _Continuation) -> None:
        sequence = (*self._beams[continuation.parent].sequence, continuation.token_id)
        hypothesis = self.frame.finish(
            sequence, log_prob=continuation.log_prob, length_penalty=self._length_penalty
        )
        self._finished.append(hypothesis)
        self._finished.sort(key=lambda finished: -finished.rank)
        del self._finished[self._num_beams :]

    def _is_done(self, best_log_prob: float, num_generated: int) -> bool:
        """Whether no live beam can, or need, improve on the finished ones."""
        if len(self._finished) < self._num_beams:
            return False
        if self._early_stopping is True:
            return True
        length = num_generated
        if self._early_stopping == "never" and self._length_penalty > 0.0:
            length = self.frame.max_new_tokens
        return best_log_prob / length**self._length_penalty <= self._finished[-1].rank
