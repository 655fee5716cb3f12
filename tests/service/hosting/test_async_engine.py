"""One engine thread and many callers: no caller waits for ever; an aborted one leaves nothing."""

import asyncio
import math
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from model.engine.batch import Batch
from model.engine.engine import Engine
from model.engine.params import FinishReason, GenerationParams, Priority
from model.engine.request import RequestOutput
from model.engine.runner import Progress
from model.errors import (
    DeadlineExceededError,
    EngineStoppedError,
    InvalidParamsError,
    NoMemoryError,
    NoTokenError,
    QueueFullError,
)
from model.tokenizer.prompt import Prompt
from service.deadline import Deadline
from service.hosting import async_engine
from service.hosting.async_engine import HEARTBEAT_TIMEOUT_S, AsyncEngine, EngineRequest
from service.telemetry.metrics import EngineMetrics
from tests.support.engine.clocks import FakeClock
from tests.support.engine.factories import EOS, START, answer, make_engine, make_prompt, make_rules

NEVER = make_rules(suppressed_ids=(EOS, START))  # outputs end only at their length
KINDS: tuple[dict[str, Any], ...] = (
    {},
    {"num_beams": 3},
    {"seed": 4},
    {"seed": 1, "num_return": 2},
)


@contextmanager
def running(engine: Engine, **options: Any) -> Iterator[AsyncEngine]:
    metrics = EngineMetrics("test")
    running_engine = AsyncEngine(engine, num_threads=1, metrics=metrics, **options)
    try:
        yield running_engine
    finally:
        running_engine.stop()


NO_DEADLINE = Deadline(math.inf, math.inf)


def make_request(name: str = "a", *, source: int = 0, **params: Any) -> EngineRequest:
    return EngineRequest(
        request_id=name,
        prompt=make_prompt(seed=source, length=3 + source % 7),
        params=GenerationParams(**{"max_new_tokens": 6, **params}),
        priority=Priority.INTERACTIVE,
        deadline=NO_DEADLINE,
        stream=False,
    )


async def last_of(outputs: AsyncIterator[RequestOutput]) -> RequestOutput:
    return [output async for output in outputs][-1]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in a thread
            await asyncio.sleep(0.001)


class Gate:
    """Stands before an engine's every step: lets it through, holds it, or breaks it."""

    def __init__(self, engine: Engine, *, closes_after: int = 1_000_000) -> None:
        self.error: Exception | None = None
        self.is_open = threading.Event()
        self.is_open.set()
        self.num_held = 0
        self.num_steps = 0  # that decoded anything
        self._closes_after = closes_after
        self._run = engine._runner.run
        engine._runner.run = self  # type: ignore[method-assign]

    def __call__(self, batch: Batch, *, seconds: float = 0.0) -> Any:
        self.num_held += not self.is_open.is_set()
        self.is_open.wait(20)
        if self.error is not None:
            raise self.error
        self.num_steps += bool(batch.decode)
        if self.num_steps == self._closes_after:
            self.is_open.clear()
        return self._run(batch, seconds=seconds)


# Answers


async def test_many_at_once_get_what_each_would_have_got_alone() -> None:
    requests = [
        make_request(str(number), source=number, **KINDS[number % len(KINDS)])
        for number in range(40)
    ]
    with running(make_engine(max_rows=6)) as engine:
        together = await asyncio.gather(*(last_of(engine.generate(r)) for r in requests))
    for request, output in zip(requests, together, strict=True):
        alone = answer(make_engine(), request.prompt, request.params)
        assert [h.token_ids for h in output.hypotheses] == [h.token_ids for h in alone.hypotheses]
        assert output.finish_reason == alone.finish_reason


async def test_tokens_come_one_by_one_to_those_who_want_a_stream() -> None:
    request = make_request(max_new_tokens=5)
    with running(make_engine(rules=NEVER)) as engine:
        outputs = [o async for o in engine.generate(replace(request, stream=True))]
        whole = [o async for o in engine.generate(request)]
    assert [len(output.new_token_ids) for output in outputs] == [1] * 5
    assert len(whole) == 1
    streamed = tuple(token for output in outputs for token in output.new_token_ids)
    assert streamed == whole[0].hypotheses[0].token_ids


async def test_callers_on_other_event_loops_are_answered_there() -> None:
    with running(make_engine()) as engine:

        def elsewhere(number: int) -> RequestOutput:
            request = make_request(str(number), source=number)
            return asyncio.run(last_of(engine.generate(request)))

        found = await asyncio.gather(*(asyncio.to_thread(elsewhere, n) for n in range(4)))
    assert [output.finish_reason is not None for output in found] == [True] * 4


# Leaving early


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_closing_a_generator_frees_its_place_by_the_next_step(kind: dict[str, Any]) -> None:
    built = make_engine(rules=NEVER)
    gate = Gate(built, closes_after=1)
    with running(built) as engine:
        request = make_request(max_new_tokens=40, **kind)
        async with aclosing(engine.generate(replace(request, stream=True))) as outputs:
            await anext(outputs)
            await until(lambda: gate.num_held > 0)  # the second step has begun
        gate.is_open.set()
        await until(lambda: engine._is_idle)
        assert gate.num_steps == 2
        assert engine.stats.num_rows == 0
        assert (await last_of(engine.generate(request))).finish_reason is FinishReason.LENGTH


async def test_a_cancelled_caller_frees_its_place_while_waiting_and_while_running() -> None:
    built = make_engine(rules=NEVER, max_rows=1)
    gate = Gate(built)
    gate.is_open.clear()
    with running(built) as engine:
        tasks = [
            asyncio.create_task(last_of(engine.generate(make_request(name, max_new_tokens=40))))
            for name in "ab"
        ]
        await until(lambda: gate.num_held > 0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        gate.is_open.set()
        await until(lambda: engine._is_idle)
        assert gate.num_steps == 1
        built.check_invariants()


async def test_who_comes_or_leaves_ends_a_run_of_unseen_steps() -> None:
    """Else the others' next tokens would be waited for."""
    engine, num_interrupted = make_engine(), 0

    def interrupt() -> None:
        nonlocal num_interrupted
        num_interrupted += 1

    engine._runner.interrupt = interrupt  # type: ignore[method-assign]
    with running(engine) as served:
        outputs = served.generate(replace(make_request(max_new_tokens=40), stream=True))
        await anext(outputs)
        assert num_interrupted == 1
        await outputs.aclose()
        assert num_interrupted == 2


async def test_leaving_after_the_end_aborts_nothing() -> None:
    with running(make_engine()) as engine:
        async with aclosing(engine.generate(make_request())) as outputs:
            await anext(outputs)
        async with aclosing(engine.generate(make_request())) as outputs:
            assert (await anext(outputs)).finish_reason is not None


async def test_a_caller_whose_event_loop_is_gone_harms_nobody() -> None:
    built = make_engine(rules=NEVER)
    gate = Gate(built)
    with running(built) as engine:
        gate.is_open.clear()

        async def leave() -> None:
            request = replace(make_request("gone"), stream=True)
            task = asyncio.ensure_future(anext(engine.generate(request)))
            await until(lambda: gate.num_held > 0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        await asyncio.to_thread(asyncio.run, leave())
        gate.is_open.set()  # and the step that was held posts a token to the loop that is closed
        assert (await last_of(engine.generate(make_request("here")))).hypotheses


# Refusals


async def test_a_deadline_is_an_error_that_says_how_long_it_was() -> None:
    with running(make_engine(rules=NEVER)) as engine:
        with pytest.raises(DeadlineExceededError, match="within the timeout of 0 ms"):
            await last_of(engine.generate(replace(make_request(), deadline=Deadline.after(0))))
        assert (await last_of(engine.generate(make_request()))).hypotheses


async def test_a_request_that_the_engine_refuses_fails_alone() -> None:
    with running(make_engine()) as engine:
        good = asyncio.create_task(last_of(engine.generate(make_request("good"))))
        for bad in (
            replace(make_request("bad"), prompt=Prompt((99,), (START,))),
            replace(make_request("bad"), prompt=Prompt((), (START,))),
            make_request("bad", max_new_tokens=1_000),
        ):
            with pytest.raises(InvalidParamsError):
                await last_of(engine.generate(bad))
        assert (await good).hypotheses
        assert engine.is_alive()


async def test_a_request_that_makes_no_sense_at_all_fails_alone() -> None:
    nonsense = replace(make_request("bad"), prompt=Prompt(("x", "y"), (START,)))  # type: ignore[arg-type]
    with running(make_engine()) as engine:
        with pytest.raises(TypeError):
            await last_of(engine.generate(nonsense))
        assert (await last_of(engine.generate(make_request()))).hypotheses


async def test_a_second_request_of_the_same_name_fails_and_the_first_goes_on() -> None:
    built = make_engine(rules=NEVER)
    gate = Gate(built)
    with running(built) as engine:
        gate.is_open.clear()
        first = asyncio.create_task(last_of(engine.generate(make_request())))
        await until(lambda: gate.num_held > 0)
        second = asyncio.create_task(last_of(engine.generate(make_request())))
        third = asyncio.create_task(last_of(engine.generate(make_request())))
        await asyncio.sleep(0)
        third.cancel()  # its abort must not reach the first one either
        gate.is_open.set()
        with pytest.raises(InvalidParamsError, match="request_id: 'a' is in use"):
            await second
        assert (await first).hypotheses


async def test_a_full_queue_refuses_at_once() -> None:
    built = make_engine(rules=NEVER, max_rows=1, max_waiting=2)
    gate = Gate(built)
    with running(built) as engine:
        gate.is_open.clear()
        tasks = [asyncio.create_task(last_of(engine.generate(make_request("0"))))]
        await until(lambda: gate.num_held > 0)
        tasks += [
            asyncio.create_task(last_of(engine.generate(make_request(name)))) for name in "123"
        ]
        await asyncio.sleep(0)
        gate.is_open.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(result, QueueFullError) for result in found] == [False] * 3 + [True]


async def test_an_output_that_cannot_go_on_is_an_error() -> None:
    rules = make_rules(suppressed_ids=tuple(range(24)))
    with running(make_engine(rules=rules)) as engine:
        with pytest.raises(NoTokenError, match="no token can follow"):
            await last_of(engine.generate(make_request()))
        assert engine.is_alive()


async def test_a_request_that_does_not_fit_is_an_error_and_no_end_of_the_engine() -> None:
    engine = make_engine()
    run = engine._runner.run

    def refuse(batch: Batch, *, seconds: float = 0.0) -> Progress:
        if batch.num_rows > 1:
            raise MemoryError
        return run(batch, seconds=seconds)

    engine._runner.run = refuse  # type: ignore[method-assign]
    with running(engine) as served:
        with pytest.raises(NoMemoryError, match="out of memory, although this request was alone"):
            await last_of(served.generate(make_request("a", num_beams=2)))
        assert (await last_of(served.generate(make_request("b")))).hypotheses
        assert served.is_alive()


# The thread's end, and its heartbeat


async def test_when_the_network_fails_everybody_is_told_and_nobody_waits() -> None:
    built = make_engine(rules=NEVER, max_rows=2)
    gate = Gate(built)
    with running(built) as engine:
        gate.is_open.clear()
        tasks = [
            asyncio.create_task(last_of(engine.generate(make_request(str(n))))) for n in range(5)
        ]
        await until(lambda: gate.num_held > 0)
        tasks.append(asyncio.create_task(last_of(engine.generate(make_request("in the inbox")))))
        await asyncio.sleep(0)
        gate.error = RuntimeError("the device is gone")
        gate.is_open.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [str(error) for error in found] == ["the engine failed: RuntimeError"] * 6
        assert all(isinstance(error, EngineStoppedError) for error in found)
        await until(lambda: not engine.is_alive())
        with pytest.raises(EngineStoppedError, match="the engine failed: RuntimeError"):
            await anext(engine.generate(make_request()))


async def test_stopping_answers_those_who_still_wait() -> None:
    built = make_engine(rules=NEVER)
    gate = Gate(built)
    with running(built) as engine:
        gate.is_open.clear()
        tasks = [
            asyncio.create_task(last_of(engine.generate(make_request(name)))) for name in "abc"
        ]
        await until(lambda: gate.num_held > 0)
        stopping = asyncio.create_task(asyncio.to_thread(engine.stop))
        await asyncio.sleep(0)
        gate.is_open.set()
        await stopping
        found = await asyncio.gather(*tasks, return_exceptions=True)
        stopped = [e for e in found if isinstance(e, EngineStoppedError)]
        finished = [o for o in found if isinstance(o, RequestOutput)]
        assert len(stopped) + len(finished) == 3
        assert {str(error) for error in stopped} <= {"the engine was shut down"}
        assert not engine.is_alive()
        with pytest.raises(EngineStoppedError, match="the engine was shut down"):
            await anext(engine.generate(make_request()))


async def test_an_engine_that_ends_while_a_request_is_on_its_way_answers_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That it still runs was once checked before, apart from sending the message."""
    with running(make_engine()) as engine:

        class EndsMeanwhile(async_engine._Stream):
            def __init__(self, request: EngineRequest) -> None:
                super().__init__(request)
                engine.stop()

        monkeypatch.setattr(async_engine, "_Stream", EndsMeanwhile)
        async with asyncio.timeout(20):
            with pytest.raises(EngineStoppedError):
                await anext(engine.generate(make_request()))


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
    built = make_engine(rules=NEVER, clock=clock)
    gate = Gate(built)
    with running(built, clock=clock) as engine:
        await until(lambda: engine._is_idle)
        clock.advance(2 * HEARTBEAT_TIMEOUT_S)
        assert engine.is_alive()

        gate.is_open.clear()
        request = make_request()
        task = asyncio.create_task(last_of(engine.generate(request)))
        await until(lambda: gate.num_held > 0)
        assert engine.is_alive()
        clock.advance(2 * HEARTBEAT_TIMEOUT_S)
        assert not engine.is_alive()
        gate.is_open.set()
        assert (await task).hypotheses
        assert engine.is_alive()


async def test_a_hanging_step_is_noticed_although_its_caller_has_left() -> None:
    clock = FakeClock()
    built = make_engine(rules=NEVER, clock=clock)
    gate = Gate(built)
    with running(built, clock=clock) as engine:
        gate.is_open.clear()
        task = asyncio.create_task(last_of(engine.generate(make_request())))
        await until(lambda: gate.num_held > 0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        clock.advance(2 * HEARTBEAT_TIMEOUT_S)
        assert not engine.is_alive()
        gate.is_open.set()
