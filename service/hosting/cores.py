"""Divide the machine's cores among the engine processes."""

import os

from service.settings import Settings


def num_cores() -> int:
    """Return the number of cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_per_replica(settings: Settings) -> int:
    """Return the CPU threads of one engine process.

    That is the setting `num_threads`, else `OMP_NUM_THREADS`, which Ray sets to the CPUs of a
    replica, else an equal share of the cores.
    """
    if settings.num_threads is not None:
        return settings.num_threads
    num_granted = os.environ.get("OMP_NUM_THREADS", "")
    if num_granted.isdecimal() and int(num_granted) > 0:
        return int(num_granted)
    return max(1, num_cores() // settings.num_replicas)
