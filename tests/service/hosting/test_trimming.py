"""An engine gives memory back at regular times while it works, and once when it is idle."""

import asyncio

import pytest

from model.engine.engine import Engine
from model.engine.runner import Runner
from service.hosting import trimming
from service.hosting.trimming import TRIM_EVERY_S, Trimming
from tests.support.engine.clocks import FakeClock
from tests.support.engine.factories import KeepingRunner, make_engine
from tests.support.service.engines import last_of, make_request, running
from tests.support.service.waiting import until


def recorded_engine() -> tuple[Engine, list[int]]:
    """Return an engine, and the first block that each of its trims has freed."""
    trims: list[int] = []

    def recording(runner: Runner) -> Runner:
        runner.trim = trims.append  # type: ignore[method-assign,assignment]
        return runner

    return make_engine(make=KeepingRunner(wrap=recording)), trims


def test_a_busy_engine_is_trimmed_at_regular_times() -> None:
    engine, trims = recorded_engine()
    clock = FakeClock(100.0)
    due = Trimming(engine, clock=clock)
    for _ in range(int(4 * TRIM_EVERY_S)):  # seconds
        due.after_step()
        clock.tick()
    assert len(trims) == 3


def test_an_idle_engine_is_trimmed_once_and_then_left_to_wait() -> None:
    engine, trims = recorded_engine()
    clock = FakeClock(100.0)
    due = Trimming(engine, clock=clock)
    assert due.wait_s() is None
    due.after_step()
    assert due.wait_s() == TRIM_EVERY_S
    clock.advance(4.0)
    due.after_wait()
    assert (due.wait_s(), len(trims)) == (TRIM_EVERY_S - 4.0, 0)
    clock.advance(TRIM_EVERY_S)
    assert due.wait_s() == 0.0
    due.after_wait()
    assert (due.wait_s(), len(trims)) == (None, 1)
    due.after_step()
    assert due.wait_s() == TRIM_EVERY_S


async def test_the_thread_trims_an_engine_that_has_become_idle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trimming, "TRIM_EVERY_S", 0.01)
    built, trims = recorded_engine()
    with running(built) as engine:
        async with asyncio.timeout(60):
            await last_of(engine.generate(make_request()))
            await until(lambda: trims[-1:] == [0])  # 0: no request runs
            await last_of(engine.generate(make_request("b")))
