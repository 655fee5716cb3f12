"""The output projection by our own kernels: best tokens without all logits in memory."""

import ctypes

import numpy as np
import torch
from torch import Tensor

from model.engine.cache.kernel_cache import int32s
from model.engine.config import TokenRules
from model.engine.runner import Best, Top
from model.kernels import structures
from model.kernels.library import Library, Workspace
from model.kernels.linear import padded


class KernelHead:
    """Computes as `OutputHead`, by our own kernels; hidden states are (rows, d_model) float32."""

    def __init__(
        self,
        library: Library,
        head: structures.Head,
        rules: TokenRules,
        *,
        workspace: Workspace,
        num_rows: int,
        vocab_size: int,
    ) -> None:
        """Create a head; num_rows: the most of a call."""
        self._library, self._head, self._workspace = library, head, workspace
        self._rules, self._max_rows = rules, num_rows
        self.vocab_size = vocab_size
        self._ranking = self.new_ranking()

    def new_ranking(self) -> "Ranking":
        """Return an empty ranking for this head."""
        return Ranking(self._rules, num_rows=self._max_rows)

    def best(self, hidden: Tensor, num_rows: int, num_best: int, *, is_normalized: bool) -> Top:
        """Return the best tokens of the first rows, with log-probabilities or logits."""
        num_best = min(num_best, self.vocab_size)
        self._project(hidden, num_rows, num_best=num_best, is_normalized=is_normalized, logits=None)
        return self._ranking.top()

    def logits(self, hidden: Tensor, num_rows: int) -> Tensor:
        """Return the logits of the first rows, (num_rows, vocab) float32."""
        logits = torch.empty((num_rows, padded(self.vocab_size)))
        self._project(hidden, num_rows, num_best=1, is_normalized=False, logits=logits.data_ptr())
        return logits[:, : self.vocab_size]

    def _project(
        self,
        hidden: Tensor,
        num_rows: int,
        *,
        num_best: int,
        is_normalized: bool,
        logits: int | None,
    ) -> None:
        self._ranking.reserve(num_best)
        projection = self._ranking.projection
        projection.num_rows, projection.d_model = num_rows, hidden.shape[1]
        projection.hidden = hidden.data_ptr()
        projection.num_best = num_best
        projection.wants_normalizer = is_normalized
        projection.logits = logits
        self._library.project(
            ctypes.byref(self._head), ctypes.byref(projection), self._workspace.address
        )


class Ranking:
    """Arguments of a projection and the arrays for its results."""

    def __init__(self, rules: TokenRules, *, num_rows: int) -> None:
        """Create an empty ranking; num_rows: the most of a call."""
        self._max_rows = num_rows
        self._suppressed = int32s(rules.suppressed_ids)
        self._normalizers = np.empty(num_rows, dtype=np.float32)
        self._values = np.empty(0, dtype=np.float32)
        self._token_ids = np.empty(0, dtype=np.int32)
        self.projection = structures.Projection(
            num_suppressed=len(self._suppressed),
            suppressed=ctypes.addressof(self._suppressed),
            is_normalized_without=rules.renormalizes,
            normalizers=self._normalizers.ctypes.data,
        )

    def reserve(self, num_best: int) -> None:
        """Make room for `num_best` tokens of each row."""
        size = self._max_rows * num_best
        if size > len(self._values):
            self._values = np.empty(size, dtype=np.float32)
            self._token_ids = np.empty(size, dtype=np.int32)
            self.projection.values = self._values.ctypes.data
            self.projection.token_ids = self._token_ids.ctypes.data

    def has_log_probs(self, num_best: int) -> bool:
        """Return whether the last results are log-probabilities, of `num_best` tokens or more."""
        return bool(self.projection.wants_normalizer) and self.projection.num_best >= num_best

    def top(self) -> Top:
        """Return the last results: logits or log-probabilities, best first, and their tokens."""
        num_rows, num_best = self.projection.num_rows, self.projection.num_best
        count = num_rows * num_best
        values = self._values[:count].reshape(num_rows, num_best)
        token_ids = self._token_ids[:count].reshape(num_rows, num_best)
        if self.projection.wants_normalizer:
            with np.errstate(invalid="ignore"):  # NaN stays NaN
                values = values - self._normalizers[:num_rows, None]
        return values.tolist(), token_ids.tolist()


class KernelScores:
    """The `Scores` of the last step of a run."""

    def __init__(
        self, head: KernelHead, hidden: Tensor, *, num_rows: int, ranked: Ranking | None = None
    ) -> None:
        """Create scores of hidden states.

        Args:
            head: The output projection.
            hidden: (rows, d_model) float32.
            num_rows: Rows in use, the first ones.
            ranked: Results that the run itself computed, if any.
        """
        self._head, self._hidden, self._num_rows = head, hidden, num_rows
        self._ranked = ranked

    def best(self) -> Best:
        if self._ranked is not None:  # by log-probabilities the best token is the same
            values, token_ids = self._ranked.top()
        else:
            values, token_ids = self._head.best(
                self._hidden, self._num_rows, 1, is_normalized=False
            )
        return [best[0] for best in values], [best[0] for best in token_ids]

    def top(self, num_tokens: int) -> Top:
        if self._ranked is None or not self._ranked.has_log_probs(
            min(num_tokens, self._head.vocab_size)
        ):
            return self._head.best(self._hidden, self._num_rows, num_tokens, is_normalized=True)
        values, token_ids = self._ranked.top()
        return [row[:num_tokens] for row in values], [row[:num_tokens] for row in token_ids]

    def logits(self) -> Tensor:
        return self._head.logits(self._hidden, self._num_rows)
