"""Computations that are recorded once and replayed: one launch instead of hundreds.

A decoding step is a few hundred small kernels; on a GPU, starting them from Python takes longer
than they run. A CUDA graph starts all of them at once. It reads and writes the memory addresses
that it was recorded with: inputs are copied there before a replay, and outputs are read from there.

`CudaGraph` has not been run on a GPU yet.
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
        """Record the kernels that `compute` launches.

        All tensors that it reads and writes must stay at their addresses, and it must not branch on
        their values.

        Returns:
            The results of `compute`. Each replay overwrites them, and may overwrite those of other
            graphs.
        """
        ...

    def replay(self) -> None:
        """Launch the recorded kernels again."""
        ...


MakeGraph = Callable[[], Graph]


# PyTorch records one graph at a time in a process, and two models may be loading.
_RECORDING = threading.Lock()


class CudaGraphs:
    """Creates graphs of one device that share the memory of their intermediate results.

    No two of them may run at the same time: use one thread and one stream.
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
        """Create an empty graph; pool: torch's handle of the memory that graphs share."""
        self._device = device
        self._stream = stream
        self._pool = pool
        self._graph = torch.cuda.CUDAGraph()

    def capture(self, compute: Compute) -> tuple[Tensor, ...]:
        with torch.cuda.device(self._device), _RECORDING:
            compute()  # kernels are loaded and tuned at their first use, which must not be recorded
            torch.cuda.synchronize(self._device)
            with torch.cuda.graph(
                self._graph,
                pool=self._pool,
                stream=self._stream,
                capture_error_mode="thread_local",  # another model may run on this GPU meanwhile
            ):
                return compute()

    def replay(self) -> None:
        with torch.cuda.device(self._device):
            self._graph.replay()
