"""How many bytes of a GPU's memory the cache may take: whatever nothing else will ever need."""

from collections.abc import Callable
from dataclasses import dataclass

from model.engine.out_of_memory import is_out_of_memory
from model.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMemory:
    """The memory of a device before it holds a cache, in bytes.

    Attributes:
        total_bytes: All that it has.
        used_bytes: Taken by the weights, by other models, by whoever else computes on it.
    """

    total_bytes: int
    used_bytes: int


def cache_bytes(
    memory: DeviceMemory, *, fraction: float, step_bytes: int, bytes_per_row: int
) -> int:
    """What is left for the cache.

    0.9 of 100 GB, 10 GB used, steps of up to 2 GB: 90 - 10 - 2 * 2 = 76 GB

    A step counts twice: what is computed as it comes, and what recorded steps keep for themselves.

    Args:
        memory: of the device.
        fraction: the part of it that may be used in all.
        step_bytes: what the largest step takes besides weights and cache.
        bytes_per_row: of the cache.

    Raises:
        ConfigError: Not even one row fits.
    """
    allowed_bytes = int(fraction * memory.total_bytes)
    left_bytes = allowed_bytes - memory.used_bytes - 2 * step_bytes
    if left_bytes < bytes_per_row:
        raise ConfigError(
            f"memory_fraction: {fraction} of the device's {memory.total_bytes} bytes is "
            f"{allowed_bytes}; {memory.used_bytes} are in use and {2 * step_bytes} are kept for "
            f"steps, so {max(0, left_bytes)} are left, below the {bytes_per_row} of one row"
        )
    return left_bytes


def largest_step_bytes(rehearse: Callable[[int], int], *, max_rows: int) -> int:
    """What the largest step takes that the device has memory for.

    Args:
        rehearse: does a step of so many rows, and returns what it took at most; it may run out of
            memory.
        max_rows: how many to begin with; halved until they fit.

    Raises:
        ConfigError: Not even a step of one row fits.
    """
    num_rows = max_rows
    while num_rows:
        try:
            return rehearse(num_rows)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        num_rows //= 2
    raise ConfigError("memory_fraction: the device has no memory left for a step of one row")
