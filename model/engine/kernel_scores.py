"""The output projection by our own kernels: the best tokens without all logits in memory."""

import ctypes

import numpy as np
import torch
from torch import Tensor

from model.engine.config import TokenRules
from model.engine.kernel_cache import int32s
from model.engine.runner import Best, Top
from model.kernels import structures
from model.kernels.library import Library, Workspace
from model.kernels.linear import padded


class KernelHead:
    """What `OutputHead` is in PyTorch; hidden states are (rows, d_model) float32."""

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
        """num_rows: the most there will be at once."""
        self._library, self._head, self._workspace = library, head, workspace
        self._vocab_size = vocab_size
        self._suppressed = int32s(rules.suppressed_ids)
        self._max_rows = num_rows
        self._normalizers = np.empty(num_rows, dtype=np.float32)
        self._projection = structures.Projection(
            num_suppressed=len(self._suppressed),
            suppressed=ctypes.addressof(self._suppressed),
            is_normalized_without=rules.renormalizes,
            normalizers=self._normalizers.ctypes.data,
        )
        self._arguments = (
            ctypes.byref(head),
            ctypes.byref(self._projection),
            workspace.address,
        )
        self._values = np.empty(0, dtype=np.float32)
        self._token_ids = np.empty(0, dtype=np.int32)

    def best(self, hidden: Tensor, num_rows: int, num_best: int, *, is_normalized: bool) -> Top:
        """The first rows' best tokens: their logits, or their log-probabilities."""
        num_best = min(num_best, self._vocab_size)
        self._reserve(num_best)
        self._project(hidden, num_rows, num_best=num_best, is_normalized=is_normalized, logits=None)
        count = num_rows * num_best
        values = self._values[:count].reshape(num_rows, num_best)
        token_ids = self._token_ids[:count].reshape(num_rows, num_best)
        if is_normalized:
            with np.errstate(invalid="ignore"):  # what is no number stays none
                values = values - self._normalizers[:num_rows, None]
        return values.tolist(), token_ids.tolist()

    def logits(self, hidden: Tensor, num_rows: int) -> Tensor:
        """Of the first rows, (num_rows, vocab) float32."""
        logits = torch.empty((num_rows, padded(self._vocab_size)))
        self._reserve(1)
        self._project(hidden, num_rows, num_best=1, is_normalized=False, logits=logits.data_ptr())
        return logits[:, : self._vocab_size]

    def _reserve(self, num_best: int) -> None:
        """Makes room for so many tokens of each row."""
        size = self._max_rows * num_best
        if size > len(self._values):
            self._values = np.empty(size, dtype=np.float32)
            self._token_ids = np.empty(size, dtype=np.int32)
            self._projection.values = self._values.ctypes.data
            self._projection.token_ids = self._token_ids.ctypes.data

    def _project(
        self,
        hidden: Tensor,
        num_rows: int,
        *,
        num_best: int,
        is_normalized: bool,
        logits: int | None,
    ) -> None:
        projection = self._projection
        projection.num_rows, projection.d_model = num_rows, hidden.shape[1]
        projection.hidden = hidden.data_ptr()
        projection.num_best = num_best
        projection.wants_normalizer = is_normalized
        projection.logits = logits
        self._library.project(*self._arguments)


class KernelScores:
    """The `Scores` of a runner's last step."""

    def __init__(self, head: KernelHead, hidden: Tensor, *, num_rows: int) -> None:
        """hidden: (rows, d_model) float32, of which the first num_rows count."""
        self._head, self._hidden, self._num_rows = head, hidden, num_rows

    def best(self) -> Best:
        values, token_ids = self._head.best(self._hidden, self._num_rows, 1, is_normalized=False)
        return [value for (value,) in values], [token_id for (token_id,) in token_ids]

    def top(self, num_tokens: int) -> Top:
        return self._head.best(self._hidden, self._num_rows, num_tokens, is_normalized=True)

    def logits(self) -> Tensor:
        return self._head.logits(self._hidden, self._num_rows)
