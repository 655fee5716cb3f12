"""A deadline is one moment, and its passing one error."""

import asyncio
import time

import pytest

from model.errors import DeadlineExceededError
from service.deadline import Deadline


async def test_work_that_takes_longer_is_cancelled_with_the_timeout_that_was_asked_for() -> None:
    was_cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            was_cancelled.set()

    with pytest.raises(DeadlineExceededError, match="within the timeout of 20 ms"):
        async with Deadline.after(20).enforced():
            await work()
    assert was_cancelled.is_set()


async def test_a_moment_that_has_passed_lets_nothing_wait() -> None:
    with pytest.raises(DeadlineExceededError):
        async with Deadline(time.monotonic() - 1, 5).enforced():
            await asyncio.Event().wait()


async def test_work_in_time_keeps_its_own_errors() -> None:
    with pytest.raises(KeyError):
        async with Deadline.after(60_000).enforced():
            raise KeyError


def test_the_moment_is_so_many_milliseconds_after_now() -> None:
    assert Deadline.after(1_500, clock=lambda: 10.0) == Deadline(11.5, 1_500)
