"""A contender in a process of its own.

Two libraries in one process share neither their threads nor their allocator, and slow each other:
with CTranslate2 loaded beside it, our engine lost more than a quarter of its speed while it idled.
"""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

from loadtests.contenders import Contender, Workload


class Isolated:
    """Passes workloads to a contender that lives elsewhere, and its outputs back.

    Args:
        make: Makes the contender, in the new process; must be picklable.
        num_threads: Of torch, there.

    Raises:
        RuntimeError: The contender could not be made; says why.
    """

    def __init__(self, make: Callable[[], Contender], *, num_threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_answer, args=(theirs, make, num_threads), daemon=True
        )
        self._process.start()
        theirs.close()
        self.name: str = self._receive()

    def generate(self, workload: Workload) -> list[list[int]]:
        """As `Contender.generate`."""
        self._connection.send(workload)
        outputs: list[list[int]] = self._receive()
        return outputs

    def close(self) -> None:
        """Ends the process."""
        self._connection.close()
        self._process.join(timeout=10)

    def _receive(self) -> Any:
        try:
            answer = self._connection.recv()
        except EOFError:
            raise RuntimeError("a contender's process died") from None
        if isinstance(answer, Exception):
            raise RuntimeError(f"a contender failed: {answer}") from answer  # noqa: TRY004 - not a type
        return answer


def _answer(connection: Connection, make: Callable[[], Contender], num_threads: int) -> None:
    """The process: a contender's name, then outputs for workloads until nobody sends more."""
    torch.set_num_threads(num_threads)
    try:
        contender = make()
        connection.send(contender.name)
        while True:
            connection.send(contender.generate(connection.recv()))
    except EOFError:
        return
    except Exception as error:  # noqa: BLE001 - the other process raises it
        connection.send(error)
