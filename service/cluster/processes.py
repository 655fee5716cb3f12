"""Find and kill descendant processes, also those that outlive their parents."""

import ctypes
import sys
import time

import psutil

_PR_SET_CHILD_SUBREAPER = 36  # from linux/prctl.h
_TIMEOUT_S = 5.0


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies; does nothing if not on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_descendants() -> None:
    """Kill every descendant of this process, also those that appear meanwhile, for at most 5 s."""
    deadline = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < deadline:
        descendants = psutil.Process().children(recursive=True)
        if not descendants:
            return
        for process in descendants:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(descendants, timeout=1.0)
