"""Wait for what another process, thread or task will do, without sleeping for luck."""

import asyncio
import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], *, timeout_s: float = 60.0) -> None:
    """Poll until the condition holds; fail after the time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{condition} does not hold after {timeout_s} s"
        time.sleep(0.02)


async def until(condition: Callable[[], bool], *, timeout_s: float = 60.0) -> None:
    """Poll until the condition holds, while the event loop runs; fail after the time."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - of a thread, or without an event
            await asyncio.sleep(0.001)
