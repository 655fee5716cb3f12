"""How the machine's cores are shared out among the engine processes."""

import os

from service.settings import Settings


def num_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_per_replica(settings: Settings) -> int:
    """CPU threads of one engine process: an equal share, unless the settings say how many.

    `OMP_NUM_THREADS`, where it is set, says how many this process may use: Ray sets it in a
    replica to the CPUs that the replica was given.
    """
    if settings.num_threads is not None:
        return settings.num_threads
    granted = os.environ.get("OMP_NUM_THREADS", "")
    if granted.isdecimal() and int(granted) > 0:
        return int(granted)
    return max(1, num_cores() // settings.num_replicas)
