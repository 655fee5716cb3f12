"""The interface between the engine, which decides, and a runner, which computes.

    scores = runner.run(batch).scores
    scores.best()        best token of each row: greedy decoding
    scores.top(8)        best eight tokens of each row: beam search
    scores.logits()      all logits: sampling, and rules that change scores

The engine decides on plain integers which rows exist and which token follows in each. A runner
holds weights and caches and computes everything between token ids and scores, so a runner with its
own kernels exposes no tensor in between. `ModelRunner` is the reference in PyTorch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from torch import Tensor

from model.engine.batch import Batch
from model.engine.request import Request
from model.engine.search.search import Extension

Moves = Sequence[tuple[int, int]]  # (from row, to row); no row is in both places
Best = tuple[list[float], list[int]]  # values and token ids, one of each per row
OnProgress = Callable[[int, int], None]  # called with parts done and parts in all
Top = tuple[list[list[float]], list[list[int]]]  # several values and token ids per row, best first


class RowCopy(NamedTuple):
    """A hypothesis that branched off: row `target` gets the first tokens of row `source`."""

    source: int
    target: int
    num_tokens: int


class Scores(Protocol):
    """Scores of each row's next token, computed when asked for.

    Valid until the runner runs again. A row with NaN logits has NaN here, too.
    """

    def best(self) -> Best:
        """Return each row's largest logit and its token; suppressed tokens are left out."""
        ...

    def top(self, num_tokens: int) -> Top:
        """Return each row's largest log-probabilities and their tokens, at most the vocabulary.

        They are normalized over all tokens, or, where the rules renormalize, over those that are
        not suppressed. A suppressed token has -inf.
        """
        ...

    def logits(self) -> Tensor:
        """Return (rows, vocab) float32, suppressed tokens included; the caller may change it."""
        ...


@dataclass(frozen=True, slots=True)
class RunnerOutput:
    """The result of a run of one or more steps.

    Attributes:
        scores: Of the last step; None if no request's next token depends on them.
        num_steps: Steps taken; each computed one token in every row.
        extensions: Requests whose tokens the runner chose, and these tokens. If fewer tokens than
            steps were chosen, the engine must choose the last one from `scores`.
    """

    scores: Scores | None
    num_steps: int = 1
    extensions: Sequence[tuple[Request, Extension]] = ()


class Runner(Protocol):
    """A network and its caches."""

    @property
    def num_rows(self) -> int:
        """Hypotheses that can run together."""
        ...

    @property
    def num_blocks(self) -> int:
        """Blocks of 16 tokens that the caches have, for sources and hypotheses together."""
        ...

    def run(self, batch: Batch, *, seconds: float = 0.0) -> RunnerOutput:
        """Carry out a batch; an empty one does nothing.

        Args:
            batch: Moves, then sources to encode, then rows to decode.
            seconds: For this long the runner may take further steps, `max_steps` of the batch at
                most, choosing tokens itself, while nothing but the scores decides them; 0 allows
                one step.
        """
        ...

    def interrupt(self) -> None:
        """Make a `run` of several steps return after its current step; callable in any thread."""
        ...

    def copy_rows(self, copies: Sequence[RowCopy]) -> None:
        """Copy cached tokens between rows; no row is both source and target."""
        ...

    def scrub(self) -> None:
        """Replace non-finite numbers in the caches, which would spread to later requests."""
        ...

    def release(self) -> None:
        """Free memory after an out-of-memory error; running requests will be computed anew."""
        ...

    def trim(self, first_block: int) -> None:
        """Return cache memory to the system where the runner can; it comes back when it is needed.

        Args:
            first_block: No request holds this block or one after it; 0: no request runs.
        """
        ...

    @property
    def runs_ahead(self) -> bool:
        """True if `run_ahead` can start a step; constant."""
        ...

    def run_ahead(self, batch: Batch) -> Scores | None:
        """Start the step after the last one, before that one's scores are read.

        Each row continues with its best token; the batch is otherwise the same.

        Args:
            batch: The batch that was run last; only `decode` is read.

        Returns:
            The scores of the new step; None if none was started.
        """
        ...

    def warm_up(self, *, widths: Sequence[int], on_progress: OnProgress) -> None:
        """Prepare for later steps: record graphs, for example.

        Args:
            widths: Rows of a request, for each kind that is expected; 1 is greedy decoding.
            on_progress: Called with parts done and parts in all; it may take a minute.
        """
        ...
