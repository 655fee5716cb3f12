"""The end of an engine's thread: every request is answered, and the heartbeat tells of a hang."""

import asyncio
import threading
from typing import Any

import pytest

from model.errors import EngineStoppedError
from service.hosting.async_engine import HEARTBEAT_TIMEOUT_S
from tests.support.engine.clocks import FakeClock
from tests.support.engine.factories import make_engine
from tests.support.service.engines import (
    NEVER,
    last_of,
    make_gated_engine,
    make_request,
    running,
)
from tests.support.service.waiting import until


async def test_when_the_network_fails_every_request_gets_the_error() -> None:
    built, gate = make_gated_engine(rules=NEVER, max_rows=2)
    with running(built) as engine:
        gate.is_open.clear()
        tasks = [
            asyncio.create_task(last_of(engine.generate(make_request(str(n))))) for n in range(5)
        ]
        await until(lambda: gate.num_held > 0)
        tasks.append(asyncio.create_task(last_of(engine.generate(make_request("in the inbox")))))
        await until(lambda: gate.num_messages == 6)
        gate.error = RuntimeError("the device is gone")
        gate.is_open.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [str(error) for error in found] == ["the engine failed: RuntimeError"] * 6
        assert all(isinstance(error, EngineStoppedError) for error in found)
        await until(lambda: not engine.is_alive())
        with pytest.raises(EngineStoppedError, match="the engine failed: RuntimeError"):
            await anext(engine.generate(make_request()))


async def test_stopping_ends_every_request_with_an_error() -> None:
    built, gate = make_gated_engine(rules=NEVER)
    with running(built) as engine:
        gate.is_open.clear()
        tasks = [
            asyncio.create_task(last_of(engine.generate(make_request(name, max_new_tokens=40))))
            for name in "abc"
        ]
        await until(lambda: gate.num_messages == 3)
        stopping = asyncio.create_task(asyncio.to_thread(engine.stop))
        await until(lambda: gate.num_messages == 4)
        gate.is_open.set()
        await stopping
        async with asyncio.timeout(60):
            found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [(type(e), str(e)) for e in found] == [
            (EngineStoppedError, "the engine was shut down")
        ] * 3
        assert not engine.is_alive()
        with pytest.raises(EngineStoppedError, match="the engine was shut down"):
            await anext(engine.generate(make_request()))


async def test_a_request_that_comes_while_the_engine_ends_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its message would lie in the inbox, which the thread has read for the last time."""
    built, gate = make_gated_engine(rules=NEVER)
    loop, outcomes = asyncio.get_running_loop(), list[Any]()
    wake = loop.call_soon_threadsafe

    async def outcome_of_another() -> object:
        try:
            async with asyncio.timeout(5):
                return await anext(engine.generate(make_request("late")))
        except (EngineStoppedError, TimeoutError) as error:
            return str(error)

    def come_meanwhile(*args: Any, **options: Any) -> asyncio.Handle:
        if threading.current_thread().name == "engine":
            outcomes.append(asyncio.run(outcome_of_another()))
        return wake(*args, **options)

    with running(built) as engine:
        gate.is_open.clear()
        first = asyncio.create_task(last_of(engine.generate(make_request("early"))))
        await until(lambda: gate.num_held > 0)
        monkeypatch.setattr(loop, "call_soon_threadsafe", come_meanwhile)
        gate.error = RuntimeError("the device is gone")
        gate.is_open.set()
        with pytest.raises(EngineStoppedError):
            await first
    assert outcomes == ["the engine failed: RuntimeError"]


async def test_each_caller_gets_an_error_of_its_own() -> None:
    """One exception raised in several tasks would collect the traceback of all of them."""
    with running(make_engine()) as engine:
        engine.stop()
        found = await asyncio.gather(
            *(anext(engine.generate(make_request())) for _ in range(2)), return_exceptions=True
        )
    assert found[0] is not found[1]


def test_stopping_twice_is_no_error() -> None:
    with running(make_engine()) as engine:
        engine.stop()


async def test_the_heartbeat_stops_in_a_step_that_hangs_and_not_in_idleness() -> None:
    clock = FakeClock()
    built, gate = make_gated_engine(rules=NEVER, clock=clock)
    with running(built, clock=clock) as engine:
        clock.advance(2 * HEARTBEAT_TIMEOUT_S)
        await until(engine.is_alive)  # once its thread has found that there is nothing to do

        gate.is_open.clear()
        task = asyncio.create_task(last_of(engine.generate(make_request())))
        await until(lambda: gate.num_held > 0)
        assert engine.is_alive()
        clock.advance(2 * HEARTBEAT_TIMEOUT_S)
        assert not engine.is_alive()
        gate.is_open.set()
        assert (await task).hypotheses
        assert engine.is_alive()


async def test_a_hanging_step_is_noticed_although_its_caller_has_left() -> None:
    clock = FakeClock()
    built, gate = make_gated_engine(rules=NEVER, clock=clock)
    with running(built, clock=clock) as engine:
        gate.is_open.clear()
        task = asyncio.create_task(last_of(engine.generate(make_request())))
        await until(lambda: gate.num_held > 0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        clock.advance(2 * HEARTBEAT_TIMEOUT_S)
        assert not engine.is_alive()
        gate.is_open.set()
