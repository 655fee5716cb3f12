"""A `Runner` without a network, for tests of the engine's side of `Runner.run`."""

from collections.abc import Sequence

import torch
from torch import Tensor

from model.engine.batch import Batch
from model.engine.config import EngineConfig, TokenRules
from model.engine.request import Request
from model.engine.runner import Best, OnProgress, RowCopy, RunnerOutput, Scores, Top
from model.engine.search.search import Extension
from model.transformer.seq2seq import Seq2SeqTransformer
from tests.support.engine.factories import VOCAB_SIZE

LESS_PROBABLE = (21, 22, 1, 2, 3)


def next_token(token_id: int) -> int:
    """The token that follows: 4, 5, ... 20, 4; never an end of sentence or a start token."""
    return token_id + 1 if 4 <= token_id < 20 else 4


class ScriptedScores:
    """`next_token` of each row, with a log-probability of -1; other tokens are less probable."""

    def __init__(self, last: Sequence[int]) -> None:
        self._next = [next_token(token_id) for token_id in last]

    def best(self) -> Best:
        return [-1.0] * len(self._next), list(self._next)

    def top(self, num_tokens: int) -> Top:
        values = [-1.0 - place for place in range(len(LESS_PROBABLE) + 1)][:num_tokens]
        token_ids = [[first, *LESS_PROBABLE][:num_tokens] for first in self._next]
        return [values] * len(self._next), token_ids

    def logits(self) -> Tensor:
        logits = torch.full((len(self._next), VOCAB_SIZE), -9.0)
        logits[range(len(self._next)), self._next] = -1.0
        return logits


class ScriptedRunner:
    """Takes up to `max_steps` steps in a run whose `seconds` are above 0.

    Attributes:
        seconds: Of every run, as the engine asked for them.
        leaves_last: Whether the engine is left to choose the last token of a run.
    """

    runs_ahead = False

    def __init__(
        self,
        *,
        num_rows: int = 8,
        num_blocks: int = 1_000,
        max_steps: int = 4,
        leaves_last: bool = False,
    ) -> None:
        self.num_rows, self.num_blocks = num_rows, num_blocks
        self.max_steps = max_steps
        self.leaves_last = leaves_last
        self.seconds: list[float] = []
        self._is_interrupted = False

    def make(
        self,
        network: Seq2SeqTransformer,  # noqa: ARG002 - a `MakeRunner`
        rules: TokenRules,  # noqa: ARG002
        config: EngineConfig,  # noqa: ARG002
        cache_dtype: torch.dtype,  # noqa: ARG002
    ) -> "ScriptedRunner":
        return self

    def run(self, batch: Batch, *, seconds: float = 0.0) -> RunnerOutput:
        if not batch.decode:  # the last request has just ended
            return RunnerOutput(None)
        self.seconds.append(seconds)
        last = [0] * batch.num_rows
        for request in batch.decode:
            for row, sequence in zip(request.rows, request.search.sequences, strict=True):
                last[row] = sequence[request.num_computed]
        num_steps = 1
        if seconds > 0 and not self._is_interrupted and all(map(_is_free, batch.decode)):
            num_steps = min(
                self.max_steps, batch.max_steps, *(_num_missing(r) - 1 for r in batch.decode)
            )
            num_steps = max(1, num_steps)
        self._is_interrupted = False
        num_chosen = num_steps - self.leaves_last if num_steps > 1 else 0
        extensions = []
        for request in batch.decode if num_chosen else ():
            chosen: list[list[int]] = []
            for row in request.rows:
                chosen.append([])
                for _ in range(num_chosen):
                    last[row] = next_token(last[row])
                    chosen[-1].append(last[row])
            log_probs = [log_prob - num_chosen for log_prob in request.search.log_probs]
            extensions.append((request, Extension(range(len(request.rows)), chosen, log_probs)))
        wants_scores = num_chosen < num_steps
        return RunnerOutput(ScriptedScores(last) if wants_scores else None, num_steps, extensions)

    def interrupt(self) -> None:
        self._is_interrupted = True

    def copy_rows(self, copies: Sequence[RowCopy]) -> None:
        """There is no cache to copy in."""

    def scrub(self) -> None:
        raise NotImplementedError

    def release(self) -> None:
        """There is no memory to release."""

    def trim(self, first_block: int) -> None:
        """There is no memory to return."""

    def run_ahead(self, batch: Batch) -> Scores | None:
        raise NotImplementedError

    def warm_up(self, *, widths: Sequence[int], on_progress: OnProgress) -> None:
        raise NotImplementedError


def _is_free(request: Request) -> bool:
    """True if nothing but the scores decides the request's next token."""
    return request.wants_logits and not request.do_sample


def _num_missing(request: Request) -> int:
    """Tokens that the request's sequences may still gain."""
    config = request.search.config
    return config.max_new_tokens - config.num_generated(request.search.sequences[0])
