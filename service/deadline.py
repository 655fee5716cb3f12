"""The moment by which a request must be answered, and the error when it passes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from model.errors import DeadlineExceededError


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment, set once where the request arrives and passed down unchanged to the engine.

    Attributes:
        at_s: Seconds on the clock of `time.monotonic`, which engines use too.
        timeout_ms: The timeout that it was made from, for the error's sentence.
    """

    at_s: float
    timeout_ms: float

    @classmethod
    def after(cls, timeout_ms: float, *, clock: Callable[[], float] = time.monotonic) -> "Deadline":
        """Return the moment `timeout_ms` milliseconds from now."""
        return cls(clock() + timeout_ms / 1_000, timeout_ms)

    def exceeded(self) -> DeadlineExceededError:
        """Return the error that tells a client that the deadline passed."""
        return DeadlineExceededError(timeout_ms=self.timeout_ms)

    @asynccontextmanager
    async def enforced(self) -> AsyncIterator[None]:
        """Cancel the block at the deadline.

        Raises:
            DeadlineExceededError: the deadline passed first.
        """
        try:
            async with asyncio.timeout(self.at_s - time.monotonic()):
                yield
        except TimeoutError:
            raise self.exceeded() from None
