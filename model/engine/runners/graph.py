"""A computation that is recorded once and replayed: one launch in place of hundreds.

A decoding step is a few hundred small kernels; on a GPU, starting them from Python takes longer
than they run. A CUDA graph starts all of them at once. It works on the very memory that it was
recorded with: inputs are written there before, outputs are found there afterwards.

`CudaGraph` has not been run yet: it was written on a machine without a GPU.
"""

import threading
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


# PyTorch records one graph at a time in a process, and two models may be loaded at once.
_RECORDING = threading.Lock()


class CudaGraphs:
    """Makes graphs of one device that share the memory of what they compute in between.

    They must never run at the same time: one thread, one stream.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        with torch.cuda.device(device):
            self._pool = torch.cuda.graph_pool_handle()
            self._stream = torch.cuda.Stream()

    def __call__(self) -> "CudaGraph":
        return CudaGraph(self._device, self._stream, self._pool)


class CudaGraph:
    """A `Graph` on a GPU."""

    def __init__(self, device: torch.device, stream: torch.cuda.Stream, pool: Any) -> None:
        """stream is where it is recorded; pool a handle of torch's, to memory that graphs share."""
        self._device = device
        self._stream = stream
        self._pool = pool
        self._graph = torch.cuda.CUDAGraph()

    def capture(self, compute: Compute) -> tuple[Tensor, ...]:
        with torch.cuda.device(self._device), _RECORDING:
            compute()  # kernels are loaded and chosen at their first use, which is not recorded
            torch.cuda.synchronize(self._device)
            with torch.cuda.graph(
                self._graph,
                pool=self._pool,
                stream=self._stream,
                capture_error_mode="thread_local",  # another model may answer on this GPU meanwhile
            ):
                return compute()

    def replay(self) -> None:
        with torch.cuda.device(self._device):
            self._graph.replay()
