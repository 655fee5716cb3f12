"""Given outputs read in an engine's thread, beside what it generates."""

import asyncio

import pytest

from model.errors import DeadlineExceededError, EngineStoppedError, QueueFullError
from model.scoring.forced_pass import ForcedPass
from model.scoring.given import Reading
from service.deadline import Deadline
from tests.support.engine.factories import (
    answer,
    make_engine,
    make_engine_config,
    make_network,
    make_rules,
)
from tests.support.service.engines import (
    NEVER,
    last_of,
    make_gated_engine,
    make_request,
    make_score_job,
    make_score_queue,
    running,
)
from tests.support.service.waiting import until


async def test_many_at_once_get_what_each_would_have_got_alone() -> None:
    jobs = [make_score_job(*range(1, 2 + n % 9), source=n) for n in range(9)]
    forced = ForcedPass(make_network(), make_rules(), make_engine_config())
    with running(make_engine(), scores=make_score_queue(max_tokens=40)) as engine:
        found = await asyncio.gather(*map(engine.score, jobs))
    for job, reading in zip(jobs, found, strict=True):
        (expected,) = forced.read([job.given])
        assert isinstance(expected, Reading)
        assert reading.token_ids == expected.token_ids
        # Float32 sums fall otherwise in other company: by 3e-5 on a processor with AVX2 alone.
        assert reading.log_probs == pytest.approx(expected.log_probs, abs=1e-4)


async def test_generation_goes_on_while_outputs_are_read_and_loses_no_token() -> None:
    requests = [make_request(str(n), source=n, max_new_tokens=20) for n in range(12)]
    with running(make_engine(max_rows=4), scores=make_score_queue(max_waiting=99)) as engine:
        generating = [asyncio.create_task(last_of(engine.generate(r))) for r in requests]
        scoring = [engine.score(make_score_job(*[1] * 40, source=n)) for n in range(60)]
        readings = await asyncio.gather(*scoring)
        outputs = await asyncio.gather(*generating)
    assert all(len(reading.token_ids) == 41 for reading in readings)
    for request, output in zip(requests, outputs, strict=True):
        alone = answer(make_engine(), request.prompt, request.params)
        assert [h.token_ids for h in output.hypotheses] == [h.token_ids for h in alone.hypotheses]


async def test_a_job_that_is_given_up_leaves_the_queue() -> None:
    built, gate = make_gated_engine(rules=NEVER)
    queue = make_score_queue(max_waiting=1)
    with running(built, scores=queue) as engine:
        gate.is_open.clear()
        held = asyncio.create_task(last_of(engine.generate(make_request())))
        await until(lambda: gate.num_held > 0)
        leaving = asyncio.create_task(engine.score(make_score_job(1, 2)))
        await until(lambda: gate.num_messages == 2)
        leaving.cancel()
        await until(lambda: gate.num_messages == 3)
        staying = asyncio.create_task(engine.score(make_score_job(1)))
        await until(lambda: gate.num_messages == 4)
        gate.is_open.set()
        assert len((await staying).token_ids) == 2
        assert (await held).finish_reason is not None
    assert leaving.cancelled()
    assert not queue


async def test_more_than_may_wait_are_refused_and_the_others_answered() -> None:
    built, gate = make_gated_engine(rules=NEVER)
    with running(built, scores=make_score_queue(max_waiting=2)) as engine:
        gate.is_open.clear()
        held = asyncio.create_task(last_of(engine.generate(make_request())))
        await until(lambda: gate.num_held > 0)
        jobs = [asyncio.create_task(engine.score(make_score_job(n))) for n in (1, 2, 3)]
        await until(lambda: gate.num_messages == 4)
        gate.is_open.set()
        first, second, third = await asyncio.gather(*jobs, return_exceptions=True)
        await held
    assert isinstance(first, Reading)
    assert isinstance(second, Reading)
    assert isinstance(third, QueueFullError)


async def test_a_late_job_is_told_so() -> None:
    with running(make_engine()) as engine:
        with pytest.raises(DeadlineExceededError, match="within the timeout of 7 ms"):
            await engine.score(make_score_job(1, deadline=Deadline(0.0, 7)))
        assert (await engine.score(make_score_job(1))).token_ids


async def test_stopping_ends_every_job_with_an_error() -> None:
    built, gate = make_gated_engine(rules=NEVER)
    with running(built) as engine:
        gate.is_open.clear()
        held = asyncio.create_task(last_of(engine.generate(make_request(max_new_tokens=40))))
        await until(lambda: gate.num_held > 0)
        jobs = [asyncio.create_task(engine.score(make_score_job(n))) for n in (1, 2)]
        await until(lambda: gate.num_messages == 3)
        stopping = asyncio.create_task(asyncio.to_thread(engine.stop))
        await until(lambda: gate.num_messages == 4)
        gate.is_open.set()
        await stopping
        found = await asyncio.gather(held, *jobs, return_exceptions=True)
    assert [type(error) for error in found] == [EngineStoppedError] * 3
    with pytest.raises(EngineStoppedError, match="shut down"):
        await engine.score(make_score_job(1))


async def test_jobs_alone_keep_an_engine_alive_and_leave_it_idle() -> None:
    queue = make_score_queue(max_tokens=1, max_waiting=99)
    with running(make_engine(), scores=queue) as engine:
        await asyncio.gather(*(engine.score(make_score_job(n % 20)) for n in range(50)))
        assert engine.is_alive()
        assert engine.stats.num_running == engine.stats.num_waiting == 0
    assert not queue
