"""No process left behind: descendants that outlive their parents are found and ended."""

import ctypes
import sys
import time

import psutil

_PR_SET_CHILD_SUBREAPER = 36  # from linux/prctl.h
_PATIENCE_S = 5.0


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_descendants() -> None:
    """Kill every descendant of this process, and those that appear meanwhile."""
    deadline = time.monotonic() + _PATIENCE_S
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
