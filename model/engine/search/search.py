"""How hypotheses grow from one step to the next: plain Python, no tensors.

A search is given, for each live hypothesis, its best continuations, and answers which hypotheses
live on. It never sees logits, so it can be tested with numbers written by hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from model.engine.params import FinishReason


class Candidate(NamedTuple):
    """One possible next token of a hypothesis, and its log-probability.

    A tuple, and where a step makes hundreds, a plain pair stands for it.
    """

    token_id: int
    log_prob: float


class Growth(NamedTuple):
    """What the hypotheses of a request became while nobody was asked.

    Attributes:
        parents: For each that lives now, which of the former ones it continues.
        token_ids: What each got, of all as many.
        log_probs: Of each, so far.
    """

    parents: Sequence[int]
    token_ids: Sequence[Sequence[int]]
    log_probs: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """One finished output.

    Attributes:
        token_ids: What was generated, forced prefix included, without start token and end of
            sentence.
        num_generated: Tokens that were chosen: forced first and last ones and the end of sentence
            count, a forced prefix does not.
        log_prob: The sum over the generated tokens; a forced token adds 0.
        rank: What candidates are ordered by, the length-penalised log-probability.
        finish_reason: STOP or LENGTH.
    """

    token_ids: tuple[int, ...]
    num_generated: int
    log_prob: float
    rank: float
    finish_reason: FinishReason

    @property
    def score(self) -> float:
        """The mean log-probability of a generated token."""
        return self.log_prob / self.num_generated


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What all searches of a request share.

    Attributes:
        prefix_ids: Decoder start, language tokens and forced prefix, in front of what is generated.
        num_hidden: How many of them are no part of the output.
        max_new_tokens: Generated tokens at most.
        eos_ids: Any of them ends an output.
        forces_end: The last allowed token is an end of sentence that nobody chose.
        forced_bos_id: The first generated token, if nobody is to choose it.
    """

    prefix_ids: tuple[int, ...]
    num_hidden: int
    max_new_tokens: int
    eos_ids: frozenset[int]
    forces_end: bool = False
    forced_bos_id: int | None = None

    def num_generated(self, sequence: Sequence[int]) -> int:
        return len(sequence) - len(self.prefix_ids)

    def finish(
        self, sequence: Sequence[int], *, log_prob: float, length_penalty: float
    ) -> Hypothesis:
        """The finished form of a sequence that ends in its last token."""
        num_generated = self.num_generated(sequence)
        stopped = sequence[-1] in self.eos_ids
        was_cut = num_generated == self.max_new_tokens and (self.forces_end or not stopped)
        return Hypothesis(
            token_ids=tuple(sequence[self.num_hidden : len(sequence) - stopped]),
            num_generated=num_generated,
            log_prob=log_prob,
            rank=log_prob / num_generated**length_penalty,
            finish_reason=FinishReason.LENGTH if was_cut else FinishReason.STOP,
        )


class Search(Protocol):
    """Grows the hypotheses of one request."""

    frame: Frame

    @property
    def sequences(self) -> Sequence[Sequence[int]]:
        """The live hypotheses, decoder prefix included; all of one length."""
        ...

    @property
    def log_probs(self) -> Sequence[float]:
        """Of the live hypotheses, so far."""
        ...

    @property
    def num_candidates(self) -> int:
        """How many continuations of each live hypothesis `advance` wants."""
        ...

    @property
    def live_indices(self) -> Sequence[int]:
        """Which of the hypotheses asked for at the start each live one is."""
        ...

    def advance(self, candidates: Sequence[Sequence[tuple[int, float]]]) -> list[int]:
        """One step.

        Args:
            candidates: For each live hypothesis its continuations, best first, as `Candidate`s or
                pairs. One that has none dies; if nobody ever finished, `finished` is empty.

        Returns:
            For each hypothesis that lives on, the index of the one it continues. Empty: the search
            is over.
        """
        ...

    def grow(self, growth: Growth) -> None:
        """Takes over steps that a runner took by itself: `advance` would have come to the same."""
        ...

    def finished(self) -> tuple[Hypothesis, ...]:
        """The finished hypotheses, best first."""
        ...


class IndependentSearch:
    """Greedy decoding and sampling: each hypothesis takes the one token it is given."""

    num_candidates = 1

    def __init__(self, frame: Frame, *, num_hypotheses: int = 1) -> None:
        self.frame = frame
        self._live = [_Sample(index, list(frame.prefix_ids)) for index in range(num_hypotheses)]
        self._sequences = [sample.sequence for sample in self._live]
        self._finished: list[tuple[int, Hypothesis]] = []

    @property
    def sequences(self) -> Sequence[Sequence[int]]:
        return self._sequences

    @property
    def log_probs(self) -> Sequence[float]:
        return [sample.log_prob for sample in self._live]

    @property
    def live_indices(self) -> list[int]:
        """Which of the samples asked for are still growing; each has its own random numbers."""
        return [sample.index for sample in self._live]

    def advance(self, candidates: Sequence[Sequence[tuple[int, float]]]) -> list[int]:
        frame, survivors = self.frame, []
        longest = len(frame.prefix_ids) + frame.max_new_tokens
        for position, (sample, choices) in enumerate(zip(self._live, candidates, strict=True)):
            if not choices:
                continue
            token_id, log_prob = choices[0]
            sample.sequence.append(token_id)
            sample.log_prob += log_prob
            if token_id in frame.eos_ids or len(sample.sequence) == longest:
                hypothesis = frame.finish(
                    sample.sequence, log_prob=sample.log_prob, length_penalty=1.0
                )
                self._finished.append((sample.index, hypothesis))
            else:
                survivors.append(position)
        if len(survivors) < len(self._live):
            self._live = [self._live[position] for position in survivors]
            self._sequences = [sample.sequence for sample in self._live]
        return survivors

    def grow(self, growth: Growth) -> None:
        for sample, token_ids, log_prob in zip(
            self._live, growth.token_ids, growth.log_probs, strict=True
        ):
            sample.sequence.extend(token_ids)
            sample.log_prob = log_prob

    def finished(self) -> tuple[Hypothesis, ...]:
        """Best first; samples whose scores were not computed keep the order of their seeds."""
        in_order = sorted(self._finished, key=lambda item: item[0])
        return tuple(sorted((h for _, h in in_order), key=lambda h: -h.rank))


@dataclass(slots=True)
class _Sample:
    index: int
    sequence: list[int]
    log_prob: float = 0.0
