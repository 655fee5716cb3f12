"""An engine's thread and its callers: answers, streams, aborts and refusals."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from model.engine.batch import Batch
from model.engine.params import FinishReason
from model.engine.request import RequestOutput
from model.engine.runner import Runner, RunnerOutput
from model.engine.runners.make_runner import make_runner
from model.errors import (
    DeadlineExceededError,
    InvalidParamsError,
    NoMemoryError,
    NoTokenError,
    QueueFullError,
)
from model.tokenizer.prompt import Prompt
from service.deadline import Deadline
from service.hosting.async_engine import AsyncEngine
from service.hosting.engine_request import EngineRequest
from service.telemetry.metrics import REGISTRY
from tests.support.engine.factories import START, answer, make_engine, make_rules, scarce
from tests.support.service.engines import (
    NEVER,
    last_of,
    make_gated_engine,
    make_request,
    running,
)
from tests.support.service.waiting import until

KINDS: tuple[dict[str, Any], ...] = (
    {},
    {"num_beams": 3},
    {"seed": 4},
    {"seed": 1, "num_return": 2},
)


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


async def test_a_stream_gets_its_tokens_one_by_one() -> None:
    request = make_request(max_new_tokens=5)
    with running(make_engine(rules=NEVER)) as engine:
        outputs = [o async for o in engine.generate(replace(request, stream=True))]
        whole = [o async for o in engine.generate(request)]
    assert [len(output.new_token_ids) for output in outputs] == [1] * 5
    assert len(whole) == 1
    streamed = tuple(token for output in outputs for token in output.new_token_ids)
    assert streamed == whole[0].hypotheses[0].token_ids


async def test_streams_that_had_to_wait_for_memory_repeat_no_token_and_are_counted() -> None:
    """Six outputs of 41 tokens take three blocks each, of which the engine has six."""
    requests = [
        replace(make_request(str(number), source=number, max_new_tokens=40), stream=True)
        for number in range(6)
    ]

    async def tokens_of(engine: AsyncEngine, request: EngineRequest) -> tuple[int, ...]:
        outputs = [output async for output in engine.generate(request)]
        return tuple(token for output in outputs for token in output.new_token_ids)

    before = num_preempted()
    with running(make_engine(rules=NEVER, make=scarce(6))) as engine:
        together = await asyncio.gather(*(tokens_of(engine, request) for request in requests))
    for request, streamed in zip(requests, together, strict=True):
        alone = answer(make_engine(rules=NEVER), request.prompt, request.params)
        assert streamed == alone.hypotheses[0].token_ids
    assert num_preempted() > before


def num_preempted() -> float:
    return REGISTRY.get_sample_value("dragoman_preempted_total", {"model": "test"}) or 0.0


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
    built, gate = make_gated_engine(rules=NEVER, closes_after=1)
    with running(built) as engine:
        request = make_request(max_new_tokens=40, **kind)
        async with aclosing(engine.generate(replace(request, stream=True))) as outputs:
            await anext(outputs)
            await until(lambda: gate.num_held > 0)  # the second step has begun
        gate.is_open.set()
        await until(lambda: not built.has_work)
        await until(lambda: engine.stats.num_running == 0)
        assert gate.num_steps == 2
        assert engine.stats.num_rows == 0
        assert (await last_of(engine.generate(request))).finish_reason is FinishReason.LENGTH


async def test_a_cancelled_caller_frees_its_place_while_waiting_and_while_running() -> None:
    built, gate = make_gated_engine(rules=NEVER, max_rows=1)
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
        await until(lambda: not built.has_work)
        assert gate.num_steps == 1
        built.check_invariants()


async def test_a_new_request_and_an_abort_end_a_run_of_unseen_steps() -> None:
    """Else the next tokens of the others would come later."""
    num_interrupted = 0

    def interrupt() -> None:
        nonlocal num_interrupted
        num_interrupted += 1

    def make(*args: Any) -> Runner:
        runner = make_runner(*args)
        runner.interrupt = interrupt  # type: ignore[method-assign]
        return runner

    with running(make_engine(make=make)) as served:
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
    built, gate = make_gated_engine(rules=NEVER)
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
    built, gate = make_gated_engine(rules=NEVER)
    with running(built) as engine:
        gate.is_open.clear()
        first = asyncio.create_task(last_of(engine.generate(make_request())))
        await until(lambda: gate.num_held > 0)
        second = asyncio.create_task(last_of(engine.generate(make_request())))
        third = asyncio.create_task(last_of(engine.generate(make_request())))
        await until(lambda: gate.num_messages == 3)
        third.cancel()  # its abort must not reach the first one either
        gate.is_open.set()
        with pytest.raises(InvalidParamsError, match="request_id: 'a' is in use"):
            await second
        assert (await first).hypotheses


async def test_a_full_queue_refuses_at_once() -> None:
    built, gate = make_gated_engine(rules=NEVER, max_rows=1, max_waiting=2)
    with running(built) as engine:
        gate.is_open.clear()
        tasks = [asyncio.create_task(last_of(engine.generate(make_request("0"))))]
        await until(lambda: gate.num_held > 0)
        tasks += [
            asyncio.create_task(last_of(engine.generate(make_request(name)))) for name in "123"
        ]
        await until(lambda: gate.num_messages == 4)
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
    def make(*args: Any) -> Runner:
        runner = make_runner(*args)
        run = runner.run

        def refuse(batch: Batch, *, seconds: float = 0.0) -> RunnerOutput:
            if batch.num_rows > 1:
                raise MemoryError
            return run(batch, seconds=seconds)

        runner.run = refuse  # type: ignore[method-assign]
        return runner

    with running(make_engine(make=make)) as served:
        with pytest.raises(NoMemoryError, match="out of memory, although this request was alone"):
            await last_of(served.generate(make_request("a", num_beams=2)))
        assert (await last_of(served.generate(make_request("b")))).hypotheses
        assert served.is_alive()
