"""Runs each contender in a process of its own, on the same cores as all others.

Two libraries in one process have separate threads and allocators, and slow each other down: an idle
CTranslate2 in the same process cost our engine more than a quarter of its speed.
"""

import gc
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch

from loadtests.engine.contenders import Contender
from loadtests.engine.machine import synchronize
from loadtests.engine.serving import Served
from loadtests.engine.workload import Load, Workload

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class TimedOutputs:
    """The outputs of a batch, and their seconds, taken in the contender's process."""

    seconds: float
    outputs: list[list[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakMemory:
    """Peaks of a process's resident set, libraries included; 0 where it cannot be read."""

    loading_bytes: int
    running_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The device, threads and cores of all contenders."""

    device: str
    num_threads: int

    def settle(self) -> None:
        """Bind this process to the first cores that it may use, as many as threads."""
        if hasattr(os, "sched_setaffinity"):
            cores = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(0, cores[: self.num_threads])
        torch.set_num_threads(self.num_threads)


class Timed(Protocol):
    """A contender as measurements see it, in any process."""

    name: str
    cache_bytes: int

    def generate(self, workload: Workload) -> TimedOutputs:
        """Run `Contender.generate`, timed."""
        ...

    def serve(self, load: Load) -> list[Served]:
        """Run `Contender.serve`."""
        ...


class Isolated:
    """A contender in another process; methods send the work there and return its results.

    Args:
        make: Makes the contender, in the new process; must be picklable.
        place: Its device, threads and cores.
    """

    def __init__(self, make: Callable[[], Contender], *, place: Place) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_answer, args=(theirs, make, place), daemon=True)
        self._process.start()
        theirs.close()
        self.name = ""
        self.cache_bytes = 0

    def wait(self) -> None:
        """Wait until the contender is ready.

        Raises:
            RuntimeError: It could not be made; the message has the reason.
        """
        self.name, self.cache_bytes = self._receive()

    def generate(self, workload: Workload) -> TimedOutputs:
        """Run `Contender.generate`, timed."""
        run: TimedOutputs = self._ask("generate", workload)
        return run

    def serve(self, load: Load) -> list[Served]:
        """Run `Contender.serve`."""
        served: list[Served] = self._ask("serve", load)
        return served

    def memory(self) -> PeakMemory:
        """Return the peaks of its process so far."""
        memory: PeakMemory = self._ask("memory", None)
        return memory

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.join(timeout=10)

    def _ask(self, what: str, argument: object) -> Any:
        self._connection.send((what, argument))
        return self._receive()

    def _receive(self) -> Any:
        try:
            answer = self._connection.recv()
        except EOFError:
            raise RuntimeError("a contender's process died") from None
        if isinstance(answer, Exception):
            raise RuntimeError(f"a contender failed: {answer}") from answer  # noqa: TRY004 - not a type
        return answer


def apart(work: Callable[[], Result], *, place: Place) -> Result:
    """Run a function in a process of its own, so that its memory is freed at the end."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as executor:
        return executor.submit(partial(_settled, work, place)).result()


def _settled(work: Callable[[], Result], place: Place) -> Result:
    place.settle()
    return work()


class _Host:
    """The methods of `Isolated`, in the contender's process."""

    def __init__(self, contender: Contender, *, device: str) -> None:
        self._contender = contender
        self._device = device
        self._loading_bytes = _forget_peak()

    def generate(self, workload: Workload) -> TimedOutputs:
        synchronize(self._device)
        start = time.perf_counter()
        outputs = self._contender.generate(workload)
        synchronize(self._device)
        return TimedOutputs(time.perf_counter() - start, outputs)

    def serve(self, load: Load) -> list[Served]:
        return self._contender.serve(load)

    def memory(self, _: None) -> PeakMemory:
        return PeakMemory(loading_bytes=self._loading_bytes, running_bytes=_peak())


def _answer(connection: Connection, make: Callable[[], Contender], place: Place) -> None:
    """Run in the contender's process: send its name, then results until the connection closes."""
    place.settle()
    try:
        contender = make()
        gc.collect()
        gc.freeze()  # as our service does, for all contenders: loaded objects are no garbage
        host = _Host(contender, device=place.device)
        connection.send((contender.name, contender.cache_bytes))
        while True:
            what, argument = connection.recv()
            connection.send(getattr(host, what)(argument))
    except EOFError:
        return
    except Exception as error:  # noqa: BLE001 - the other process raises it
        connection.send(RuntimeError(f"{type(error).__name__}: {error}"))


def _peak() -> int:
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    peaks = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
    return peaks[0] if peaks else 0


def _forget_peak() -> int:
    """Return the peak so far, and reset it."""
    peak = _peak()
    if peak:
        Path("/proc/self/clear_refs").write_text("5")
    return peak
