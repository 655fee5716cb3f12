"""Attention weights of some layers, kept while a network runs."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from model.transformer.attention import Watch


class KeptWeights:
    """The weights of one kind of attention, of a batch."""

    def __init__(self, layers: Iterable[int]) -> None:
        """Take the layers, counted from 0, whose weights are kept."""
        self._layers = frozenset(layers)
        self._num_seen = 0
        self._kept: dict[int, Tensor] = {}  # by layer: (batch, heads, queries, keys)

    @property
    def watch(self) -> Watch | None:
        """The receiver of every layer's weights, in order; None if no layer's are kept."""
        return self._see if self._layers else None

    def of(
        self, row: int, layers: Sequence[int], *, num_queries: int, num_keys: int
    ) -> Tensor | None:
        """Return a copy of one sequence's weights without padding; None for no layers.

        Returns:
            (layers, heads, num_queries, num_keys), float32, on the CPU.
        """
        if not layers:
            return None
        kept = [self._kept[layer][row, :, :num_queries, :num_keys] for layer in layers]
        return torch.stack(kept).float().cpu()

    def _see(self, weights: Tensor) -> None:
        if self._num_seen in self._layers:
            self._kept[self._num_seen] = weights
        self._num_seen += 1
