"""Search over hypotheses: plain Python, no tensors.

At each step a search gets candidate tokens for each live hypothesis and decides which hypotheses
continue. It reads no logits, so tests can give it candidates written by hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from model.engine.params import FinishReason


class Candidate(NamedTuple):
    """A possible next token of a hypothesis and its log-probability.

    Beam search creates hundreds in a step, as plain pairs, which are faster.
    """

    token_id: int
    log_prob: float


class Extension(NamedTuple):
    """Tokens that a runner chose itself, for all live hypotheses of a request.

    Attributes:
        parents: For each live hypothesis, the index of the former one that it continues.
        token_ids: The new tokens of each, all of one length.
        log_probs: The log-probability of each, from its start.
    """

    parents: Sequence[int]
    token_ids: Sequence[Sequence[int]]
    log_probs: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """One finished output.

    Attributes:
        token_ids: The output, forced prefix included, without start token and end of sentence.
        num_generated: Generated tokens: forced first and last ones and the end of sentence count,
            the tokens of a forced prefix do not.
        log_prob: The sum over the generated tokens; a forced token adds 0.
        rank: The length-penalized log-probability, by which hypotheses are ordered.
        finish_reason: STOP or LENGTH.
    """

    token_ids: tuple[int, ...]
    num_generated: int
    log_prob: float
    rank: float
    finish_reason: FinishReason

    @property
    def score(self) -> float:
        """Mean log-probability of a generated token."""
        return self.log_prob / self.num_generated


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchConfig:
    """Start and end of a request's sequences.

    Attributes:
        prefix_ids: Decoder start, language tokens and forced prefix; generated tokens follow.
        num_prompt_ids: Leading tokens of `prefix_ids` that the output leaves out.
        max_new_tokens: Generated tokens at most.
        eos_ids: Tokens that end an output.
        forces_end: Whether the token at the maximal length is a forced end of sentence.
        forced_bos_id: The first generated token, if it is forced.
    """

    prefix_ids: tuple[int, ...]
    num_prompt_ids: int
    max_new_tokens: int
    eos_ids: frozenset[int]
    forces_end: bool = False
    forced_bos_id: int | None = None

    def num_generated(self, sequence: Sequence[int]) -> int:
        return len(sequence) - len(self.prefix_ids)

    def finish(
        self, sequence: Sequence[int], *, log_prob: float, length_penalty: float
    ) -> Hypothesis:
        """Return the hypothesis of a sequence that ends in its last token."""
        num_generated = self.num_generated(sequence)
        stopped = sequence[-1] in self.eos_ids
        was_cut = num_generated == self.max_new_tokens and (self.forces_end or not stopped)
        return Hypothesis(
            token_ids=tuple(sequence[self.num_prompt_ids : len(sequence) - stopped]),
            num_generated=num_generated,
            log_prob=log_prob,
            rank=log_prob / num_generated**length_penalty,
            finish_reason=FinishReason.LENGTH if was_cut else FinishReason.STOP,
        )


class Search(Protocol):
    """The hypotheses of one request, and how they continue."""

    config: SearchConfig

    @property
    def sequences(self) -> Sequence[Sequence[int]]:
        """The live hypotheses, decoder prefix included, all of one length."""
        ...

    @property
    def log_probs(self) -> Sequence[float]:
        """The log-probability of each live hypothesis."""
        ...

    @property
    def num_candidates(self) -> int:
        """Candidates that `advance` needs for each live hypothesis."""
        ...

    @property
    def live_indices(self) -> Sequence[int]:
        """The number of each live hypothesis, 0 to the number at the start - 1."""
        ...

    def advance(self, candidates: Sequence[Sequence[tuple[int, float]]]) -> list[int]:
        """Append a token to each live hypothesis.

        Args:
            candidates: For each live hypothesis its next tokens, best first, as `Candidate`s or
                pairs. A hypothesis without candidates is dropped.

        Returns:
            For each live hypothesis, the index of the former one that it continues; empty when the
            search is over.
        """
        ...

    def extend(self, extension: Extension) -> None:
        """Append tokens that a runner chose; they equal the choices of `advance`."""
        ...

    def finished(self) -> tuple[Hypothesis, ...]:
        """Return the finished hypotheses, best first; empty if all were dropped."""
        ...


class IndependentSearch:
    """Greedy decoding and sampling: each hypothesis appends its only candidate."""

    num_candidates = 1

    def __init__(self, config: SearchConfig, *, num_hypotheses: int = 1) -> None:
        self.config = config
        self._live = [_Sample(index, list(config.prefix_ids)) for index in range(num_hypotheses)]
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
        """The numbers of the unfinished samples, which select their random numbers."""
        return [sample.index for sample in self._live]

    def advance(self, candidates: Sequence[Sequence[tuple[int, float]]]) -> list[int]:
        config, survivors = self.config, []
        longest = len(config.prefix_ids) + config.max_new_tokens
        for position, (sample, choices) in enumerate(zip(self._live, candidates, strict=True)):
            if not choices:
                continue
            token_id, log_prob = choices[0]
            sample.sequence.append(token_id)
            sample.log_prob += log_prob
            if token_id in config.eos_ids or len(sample.sequence) == longest:
                hypothesis = config.finish(
                    sample.sequence, log_prob=sample.log_prob, length_penalty=1.0
                )
                self._finished.append((sample.index, hypothesis))
            else:
                survivors.append(position)
        if len(survivors) < len(self._live):
            self._live = [self._live[position] for position in survivors]
            self._sequences = [sample.sequence for sample in self._live]
        return survivors

    def extend(self, extension: Extension) -> None:
        for sample, token_ids, log_prob in zip(
            self._live, extension.token_ids, extension.log_probs, strict=True
        ):
            sample.sequence.extend(token_ids)
            sample.log_prob = log_prob

    def finished(self) -> tuple[Hypothesis, ...]:
        """Return the outputs, best first; without scores, in the order of the samples."""
        in_order = sorted(self._finished, key=lambda item: item[0])
        return tuple(sorted((h for _, h in in_order), key=lambda h: -h.rank))


@dataclass(slots=True)
class _Sample:
    index: int
    sequence: list[int]
    log_prob: float = 0.0
