"""A deadline is one moment, and its passing one error."""

import asyncio
import time

import pytest

from model.errors import DeadlineExceededError
from service.deadline import Deadline


async def test_work_is_cancelled_at_the_moment_with_the_timeout_that_was_asked_for() -> None:
    """The moment decides when, and the timeout only what the error says."""
    was_cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            was_cancelled.set()

    deadline = Deadline(time.monotonic() + 0.02, timeout_ms=3_600_000)
    with pytest.raises(DeadlineExceededError, match="within the timeout of 3600000 ms"):
        async with asyncio.timeout(60), deadline.enforced():
            await work()
    assert was_cancelled.is_set()


async def test_a_moment_that_has_passed_lets_nothing_wait() -> None:
    with pytest.raises(DeadlineExceededError):
        async with Deadline(time.monotonic() - 1, 3_600_000).enforced():
            await asyncio.Event().wait()


async def test_work_in_time_keeps_its_own_errors() -> None:
    with pytest.raises(KeyError):
        async with Deadline.after(60_000).enforced():
            raise KeyError


def test_the_moment_is_so_many_milliseconds_after_now() -> None:
    assert Deadline.after(1_500, clock=lambda: 10.0) == Deadline(11.5, 1_500)
