"""Measures the limits of this machine: bytes read and products computed per second."""

import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import torch
import torch.nn.functional as F

from loadtests.engine.limit import Rates

_MEMORY_BYTES = 1 << 30  # beyond the last-level cache
_CACHED_BYTES = 1 << 26  # the weights that each step of a small network reads
_GEMM_SIZES = (1024, 2048)
_GPU_GEMM_SIZES = (4096, 8192)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The processor and its measured limits, at the contenders' number of threads."""

    name: str
    bytes_per_s: float
    cached_bytes_per_s: float
    flops_per_s: dict[str, float]  # by type of weights

    def rates(self, dtype: str) -> Rates:
        return Rates(bytes_per_s=self.bytes_per_s, flops_per_s=self.flops_per_s[dtype])

    def or_better(self, other: "Machine") -> "Machine":
        """Return the better figure of two measurements for each limit."""
        pairs = self.flops_per_s.items()
        return Machine(
            name=self.name,
            bytes_per_s=max(self.bytes_per_s, other.bytes_per_s),
            cached_bytes_per_s=max(self.cached_bytes_per_s, other.cached_bytes_per_s),
            flops_per_s={key: max(rate, other.flops_per_s[key]) for key, rate in pairs},
        )


def measure_machine(device: str) -> Machine:
    """Measure this device at torch's present number of threads; takes a few seconds."""
    return Machine(
        name=device_name(device),
        bytes_per_s=_read_bandwidth(device, _fitting_bytes(device)),
        cached_bytes_per_s=_read_bandwidth(device, _CACHED_BYTES),
        flops_per_s=_gemm_rates(device),
    )


def device_name(device: str) -> str:
    """Return the name of the processor."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def synchronize(device: str) -> None:
    """Wait until a GPU has finished its work; do nothing on a CPU."""
    if device == "cuda":
        torch.cuda.synchronize()


def _fitting_bytes(device: str) -> int:
    """Return a size far beyond the caches, at most a quarter of the free memory."""
    if device == "cuda":
        return 4 * _MEMORY_BYTES
    return min(_MEMORY_BYTES, psutil.virtual_memory().available // 4)


def _read_bandwidth(device: str, num_bytes: int, *, repeats: int = 6) -> float:
    """Return the bytes per second that all threads read: the best pass of the best way."""
    buffer = torch.ones(num_bytes // 4, device=device)
    columns = 1 << 12
    matrix = buffer[: len(buffer) // columns * columns].view(-1, columns)
    vector = torch.ones(columns, device=device)
    left, right = buffer.chunk(2)
    left = left[: len(right)]
    integers = buffer.view(torch.int32)
    ways: list[tuple[Callable[[], object], int]] = [
        (buffer.sum, buffer.nbytes),
        (buffer.max, buffer.nbytes),
        (integers.max, buffer.nbytes),
        (lambda: torch.dot(left, right), left.nbytes + right.nbytes),
        (lambda: torch.mv(matrix, vector), matrix.nbytes),
    ]
    return max(read / _best_s(way, device, repeats=repeats) for way, read in ways)


def _gemm_rates(device: str) -> dict[str, float]:
    """Return the operations per second of a large square product, by type with a kernel."""
    sizes = _GPU_GEMM_SIZES if device == "cuda" else _GEMM_SIZES
    return {
        dtype: max(2 * size**3 / _best_s(product, device, repeats=5) for size, product in products)
        for dtype, products in (
            ("float32", list(_float_products(torch.float32, device, sizes))),
            ("bfloat16", list(_float_products(torch.bfloat16, device, sizes))),
            ("int8", list(_int8_products(device, sizes))),
        )
        if products
    }


def _float_products(
    dtype: torch.dtype, device: str, sizes: tuple[int, ...]
) -> Iterator[tuple[int, Callable[[], object]]]:
    for size in sizes:
        rows, weight = torch.ones(2, size, size, dtype=dtype, device=device)
        yield size, partial(F.linear, rows, weight)


def _int8_products(
    device: str, sizes: tuple[int, ...]
) -> Iterator[tuple[int, Callable[[], object]]]:
    """Yield oneDNN's int8 products; CPUs only."""
    if device == "cuda" or not hasattr(torch.ops.onednn, "qlinear_prepack"):
        return
    for size in sizes:
        rows = torch.ones(size, size, dtype=torch.uint8)
        packed = torch.ops.onednn.qlinear_prepack(
            torch.ones(size, size, dtype=torch.int8), [size, size]
        )
        scales, zeros = torch.ones(size), torch.zeros(size, dtype=torch.int64)
        product = partial(torch.ops.onednn.qlinear_pointwise, rows, 1.0, 0, packed, scales, zeros)
        yield size, partial(product, None, 1.0, 0, torch.float32, "none", [], "")


def _best_s(work: Callable[[], object], device: str, *, repeats: int) -> float:
    work()
    seconds = []
    for _ in range(repeats):
        synchronize(device)
        start = time.perf_counter()
        work()
        synchronize(device)
        seconds.append(time.perf_counter() - start)
    return min(seconds)
