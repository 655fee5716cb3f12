"""Read the texts of a command, answer many at once, and write the answers in order."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

from service.cli.terminal import CommandError

T = TypeVar("T")
TextT = TypeVar("TextT")

MAX_PENDING = 64  # texts; enough to keep the engine's batch full
_STDIN = 0


class NotUtf8Error(CommandError):
    """A text that is not UTF-8."""


def texts_of_file(name: str, *, by_line: bool) -> Iterator[str | NotUtf8Error]:
    """Yield a file's lines without their ends, or the whole file as one text.

    In place of one that is not UTF-8 comes an error.

    Args:
        name: The file; `-` is standard input.
        by_line: Whether each line is a text.

    Raises:
        CommandError: The file cannot be read.
    """
    try:
        # Not `sys.stdin`: Python crashes if a thread still reads it when the program ends.
        with open(_STDIN if name == "-" else name, "rb", closefd=name != "-") as file:
            for line in file if by_line else [file.read()]:
                yield _decoded(line)
    except OSError as error:
        raise CommandError(f"cannot read {name}: {error.strerror}") from error


def _decoded(text: bytes) -> str | NotUtf8Error:
    try:
        return text.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        return NotUtf8Error("the text is not UTF-8")


async def answer_in_order(
    texts: Iterable[TextT],
    answer: Callable[[TextT], Awaitable[T]],
    write: Callable[[T], None],
    *,
    max_pending: int = MAX_PENDING,
) -> None:
    """Write the answer to every text, in order; raise the first error.

    A thread reads the texts, so a slow reader delays no answer; it is at most `max_pending` texts
    ahead of the writing.
    """
    loop = asyncio.get_running_loop()
    pending: asyncio.Queue[asyncio.Future[T] | None] = asyncio.Queue()
    places = threading.Semaphore(max_pending)

    def submit(text: TextT) -> None:
        pending.put_nowait(asyncio.ensure_future(answer(text)))

    def fail(error: Exception) -> None:
        failed: asyncio.Future[T] = loop.create_future()
        failed.set_exception(error)
        pending.put_nowait(failed)

    def read() -> None:
        with suppress(RuntimeError):  # the loop is closed: the command has ended
            try:
                for text in texts:
                    places.acquire()
                    loop.call_soon_threadsafe(submit, text)
            except CommandError as error:
                loop.call_soon_threadsafe(fail, error)
            loop.call_soon_threadsafe(pending.put_nowait, None)

    threading.Thread(target=read, name="texts", daemon=True).start()
    try:
        while (future := await pending.get()) is not None:
            write(await future)
            places.release()
    finally:
        await _discard(pending)


async def _discard(pending: "asyncio.Queue[asyncio.Future[T] | None]") -> None:
    """Cancel the answers that are left in the queue; ignore their errors."""
    futures = [pending.get_nowait() for _ in range(pending.qsize())]
    unwanted = [future for future in futures if future is not None]
    for future in unwanted:
        future.cancel()
    await asyncio.gather(*unwanted, return_exceptions=True)
