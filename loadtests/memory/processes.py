"""Memory of processes, as Linux counts it, and the processes of a service."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_REPLICA = "ray::ServeReplica"


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The resident set of a process, in bytes.

    Attributes:
        anonymous: Heaps, stacks, tables: what the process alone has.
        file: Pages of mapped files, such as libraries; processes share those they only read.
        shared: Shared memory.
        peak: The largest resident set so far.
    """

    anonymous: int
    file: int
    shared: int
    peak: int

    @property
    def total(self) -> int:
        return self.anonymous + self.file + self.shared


def memory_of(pid: int) -> Memory:
    """Return the present memory of a process.

    Raises:
        FileNotFoundError: There is no such process.
    """
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    sizes = {key: int(rest.split()[0]) << 10 for key, _, rest in map(_split, lines) if "kB" in rest}
    return Memory(
        anonymous=sizes["RssAnon"],
        file=sizes["RssFile"],
        shared=sizes["RssShmem"],
        peak=sizes["VmHWM"],
    )


def replicas(root: psutil.Process | None = None) -> list[psutil.Process]:
    """Return the engine processes among the descendants of `root`, or on this machine."""
    found = psutil.process_iter() if root is None else root.children(recursive=True)
    return [process for process in found if _title(process).startswith(_REPLICA)]


def service_of(replica: psutil.Process) -> Sequence[psutil.Process]:
    """Return all processes of the replica's service: `dragoman serve`, Ray's, HAProxy."""
    raylet = replica.parent()
    root = None if raylet is None else raylet.parent()
    return [replica] if root is None else [root, *root.children(recursive=True)]


def title(process: psutil.Process) -> str:
    """Return the name by which people know a process: Ray's own for its workers."""
    words = _title(process).split()
    if words and words[0].startswith("ray::"):
        return words[0].removeprefix("ray::")
    scripts = [Path(word).name for word in words if not word.startswith("-")]
    return " ".join(scripts[:2]) if scripts[:1] and "python" in scripts[0] else "".join(scripts[:1])


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has ended, or is another user's
        return ""


def _split(line: str) -> tuple[str, str, str]:
    return line.partition(":")
