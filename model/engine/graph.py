"""A computation that is recorded once and replayed: one launch in place of hundreds.

A decoding step is a few hundred small kernels; on a GPU, starting them from Python takes longer
than they run. A CUDA graph starts all of them at once. It works on the very memory that it was
recorded with: inputs are written there before, outputs are found there afterwards.
"""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

Compute = Callable[[], tuple[Tensor, ...]]


class Graph(Protocol):
    """One recorded computation."""

    def capture(self, compute: Compute) -> tuple[Tensor, ...]:
        """Records what `compute` does.

        It may read and write whatever stays where it is, and must take no other way the next time.

        Returns:
            Its results: each replay writes them again, and may write over those of other graphs.
        """
        ...

    def replay(self) -> None:
        """Does it again."""
        ...


MakeGraph = Callable[[], Graph]


class CudaGraphs:
    """Makes graphs of one device that share the memory of what they compute in between.

    They must never run at the same time: one thread, one stream.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        with torch.cuda.device(device):
            self._pool = torch.cuda.graph_pool_handle()

    def __call__(self) -> "CudaGraph":
        return CudaGraph(self._device, self._pool)


class CudaGraph:
    """A `Graph` on a GPU."""

    def __init__(self, device: torch.device, pool: Any) -> None:
        """pool is a handle of torch's, to memory that graphs share."""
        self._device = device
        self._pool = pool
        self._graph = torch.cuda.CUDAGraph()

    def capture(self, compute: Compute) -> tuple[Tensor, ...]:
        with torch.cuda.device(self._device):
            compute()  # kernels are loaded and chosen at their first use, which is not recorded
            torch.cuda.synchronize(self._device)
            # Other threads may use the GPU meanwhile: another model answers there.
            with torch.cuda.graph(self._graph, pool=self._pool, capture_error_mode="thread_local"):
                return compute()

    def replay(self) -> None:
        with torch.cuda.device(self._device):
            self._graph.replay()
