"""The seam between deciding and computing: what an engine asks of whoever runs its network.

    scores = runner.run(batch).scores
    scores.best()        each row's best token: greedy decoding
    scores.top(8)        each row's best eight: beam search
    scores.logits()      all of them: sampling, and rules that change scores

An engine decides on plain integers which rows exist and what follows in each; a runner has the
weights and the caches, and goes all the way from token ids to scores, so that one with kernels of
its own never has to show what lies between. `ModelRunner` says in PyTorch what all of them compute.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from torch import Tensor

from model.engine.batch import Batch
from model.engine.request import Request
from model.engine.search.search import Growth

Moves = Sequence[tuple[int, int]]  # (from row, to row); no row is both
Best = tuple[list[float], list[int]]  # values and token ids, one of each for every row
OnProgress = Callable[[int, int], None]  # told how many of how many are done
Top = tuple[list[list[float]], list[list[int]]]  # several for every row, best first


class RowCopy(NamedTuple):
    """A hypothesis that branched off takes over the first tokens of another's cache."""

    source: int
    target: int
    num_tokens: int


class Scores(Protocol):
    """How well each token would follow in every row; computed as far as it is asked for.

    Good until the runner runs again. What a row has no number for is NaN here, too.
    """

    def best(self) -> Best:
        """Each row's largest logit and its token, which is none of the suppressed."""
        ...

    def top(self, num_tokens: int) -> Top:
        """Each row's largest log-probabilities and their tokens.

        They are normalised over all tokens; where the rules renormalise, over those that are not
        suppressed. A suppressed token has -inf. Fewer come where the vocabulary has no more.
        """
        ...

    def logits(self) -> Tensor:
        """(rows, vocab) float32, the suppressed ones too; the caller may change it."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch came.

    Attributes:
        scores: Of its last step; None when nobody's next token depends on it.
        num_steps: Tokens that every row was given to read.
        grown: Those for whom the runner itself chose tokens, and which. Of the last step they
            want nothing any more, unless they have one token fewer than there were steps.
    """

    scores: Scores | None
    num_steps: int = 1
    grown: Sequence[tuple[Request, Growth]] = ()


class Runner(Protocol):
    """A network, its caches, and how a batch goes through them."""

    @property
    def num_rows(self) -> int:
        """Hypotheses that the caches have room for."""
        ...

    def run(self, batch: Batch, *, seconds: float = 0.0) -> Progress:
        """Moves, encodes and decodes, as the batch says.

        A runner that can may choose tokens where nothing but the scores decides, and go on for as
        many seconds with steps that nobody has to look at.
        """
        ...

    def interrupt(self) -> None:
        """Lets a `run` that goes on return after the step it is in; from any thread."""
        ...

    def copy_rows(self, copies: Sequence[RowCopy]) -> None:
        """Gives hypotheses that branched off a cache of their own; no row is source and target."""
        ...

    def scrub(self) -> None:
        """Takes out of the caches what is not a number, lest it reach whoever comes next."""
        ...

    def release(self) -> None:
        """Gives back what memory it can; nobody who ran before will go on from the caches."""
        ...

    @property
    def runs_ahead(self) -> bool:
        """Whether `run_ahead` may ever start anything."""
        ...

    def run_ahead(self, batch: Batch) -> Scores | None:
        """Starts the step after the one just run, before anybody has looked at that one's scores.

        Every row goes on with the best token that it was just given; nothing else is different.

        Args:
            batch: what was just run, of which only `decode` counts.

        Returns:
            The scores of the new step; None where nothing was started.
        """
        ...

    def warm_up(self, *, widths: Sequence[int], on_progress: OnProgress) -> None:
        """Prepares whatever makes later steps faster.

        Args:
            widths: the numbers of rows that most requests will have; 1 for greedy decoding.
            on_progress: told often, as it may take a minute.
        """
        ...
