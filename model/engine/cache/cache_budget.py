"""The bytes of a GPU's memory that the cache may take: those that weights and steps leave."""

from collections.abc import Callable
from dataclasses import dataclass

from model.engine.out_of_memory import is_out_of_memory
from model.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMemory:
    """Memory of a device before a cache is allocated.

    Attributes:
        total_bytes: Of the device.
        used_bytes: Taken by weights, other models and other processes.
    """

    total_bytes: int
    used_bytes: int


def cache_bytes(
    memory: DeviceMemory, *, fraction: float, step_bytes: int, bytes_per_row: int
) -> int:
    """Return the bytes that are left for the cache.

    0.9 of 100 GB, 10 GB used, steps of up to 2 GB: 90 - 10 - 2 * 2 = 76 GB

    A step counts twice: steps without a graph allocate memory, and recorded graphs keep theirs.

    Args:
        memory: Of the device.
        fraction: The part of it that may be used in all, 0 to 1.
        step_bytes: Memory of the largest step besides weights and cache.
        bytes_per_row: Of the cache.

    Raises:
        ConfigError: No row fits.
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
    """Return the bytes of the largest step that the device has memory for.

    Args:
        rehearse: Takes a step of a number of rows and returns its peak bytes; may run out of
            memory.
        max_rows: Rows of the first try; halved until they fit.

    Raises:
        ConfigError: A step of one row does not fit.
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
