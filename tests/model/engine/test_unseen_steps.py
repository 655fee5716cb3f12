"""Runs of several steps: for how many seconds the engine asks, and where their tokens go.

The runner here is scripted, so these tests run on every processor.
"""

from collections.abc import Callable
from typing import Any

import pytest

from model.engine.engine import Engine
from model.engine.params import GenerationParams
from model.engine.request import RequestOutput
from tests.support.engine.clocks import FakeClock
from tests.support.engine.factories import START, drain, make_engine, make_prompt
from tests.support.engine.scripted_runner import ScriptedRunner

RUN_ON_S = 2.0
TOKENS = [4, 5, 6, 7, 8, 9, 10, 11, 12, 13]


def scripted(
    runner: ScriptedRunner, *, clock: Callable[[], float] = lambda: 0.0, max_rows: int = 8
) -> Engine:
    return make_engine(make=runner.make, run_on_s=RUN_ON_S, clock=clock, max_rows=max_rows)


def add(engine: Engine, request_id: str, *, deadline_s: float | None = None, **params: Any) -> None:
    wanted = GenerationParams(**{"max_new_tokens": 10, **params})
    engine.add_request(request_id, make_prompt(), wanted, deadline_s=deadline_s)


def streamed(outputs: list[RequestOutput]) -> list[int]:
    return [token_id for output in outputs for token_id in output.new_token_ids]


def test_the_first_token_is_not_held_back() -> None:
    runner = ScriptedRunner()
    engine = scripted(runner)
    add(engine, "a")
    engine.step()
    engine.step()
    add(engine, "b")
    engine.step()
    assert runner.seconds == [0.0, RUN_ON_S, 0.0]


@pytest.mark.parametrize(
    ("widths", "seconds"), [((1,), RUN_ON_S), ((4,), 5 * RUN_ON_S), ((4, 1), RUN_ON_S)]
)
def test_a_run_is_longer_where_no_request_streams_tokens(
    widths: tuple[int, ...], seconds: float
) -> None:
    runner = ScriptedRunner()
    engine = scripted(runner)
    for number, num_beams in enumerate(widths):
        add(engine, str(number), num_beams=num_beams)
    engine.step()
    engine.step()
    assert runner.seconds == [0.0, seconds]


@pytest.mark.parametrize("max_rows", [1, 2], ids=["waiting", "running"])
def test_a_run_ends_by_the_nearest_deadline(max_rows: int) -> None:
    runner, clock = ScriptedRunner(num_rows=max_rows, max_steps=1), FakeClock()
    engine = scripted(runner, clock=clock, max_rows=max_rows)
    add(engine, "patient", deadline_s=7.0)
    add(engine, "urgent", deadline_s=3.0)
    engine.step()
    for _ in range(3):
        clock.advance(0.75)
        engine.step()
    assert runner.seconds == [0.0, 2.0, 1.5, 0.75]
    clock.advance(0.75)  # the urgent request ends, so the other deadline is the nearest
    engine.step()
    assert runner.seconds[-1] == RUN_ON_S


@pytest.mark.parametrize("deadline_s", [number + 0.5 for number in range(1, 20)])
def test_a_deadline_that_passes_within_a_step_asks_for_no_negative_time(deadline_s: float) -> None:
    """The clock moves on by a second whenever the engine reads it."""
    runner, clock = ScriptedRunner(max_steps=1), FakeClock()
    engine = scripted(runner, clock=clock.tick)
    add(engine, "a", deadline_s=deadline_s)
    drain(engine)
    assert all(0.0 <= seconds <= RUN_ON_S for seconds in runner.seconds)


@pytest.mark.parametrize("leaves_last", [False, True])
def test_every_token_of_a_run_reaches_the_request_once(*, leaves_last: bool) -> None:
    runner = ScriptedRunner(max_steps=4, leaves_last=leaves_last)
    engine = scripted(runner)
    add(engine, "a")
    outputs = drain(engine)["a"]
    assert streamed(outputs) == TOKENS
    assert outputs[-1].hypotheses[0].token_ids == tuple(TOKENS)
    assert len(runner.seconds) < len(TOKENS)


def test_a_run_counts_its_steps() -> None:
    engine = scripted(ScriptedRunner(max_steps=4))
    add(engine, "a")
    engine.step()
    assert engine.stats().num_steps == 1
    engine.step()
    assert (engine.stats().num_steps, engine.stats().num_decoded) == (4, 1)


@pytest.mark.parametrize("params", [{"num_beams": 2}, {"seed": 1, "num_return": 2}], ids=str)
def test_tokens_that_may_still_change_or_belong_to_several_outputs_are_not_streamed(
    params: dict[str, Any],
) -> None:
    engine = scripted(ScriptedRunner())
    add(engine, "a", **params)
    outputs = drain(engine)["a"]
    assert streamed(outputs) == []
    assert len(outputs[-1].hypotheses[0].token_ids) == len(TOKENS)


def test_an_interrupt_ends_one_run_after_its_step() -> None:
    engine = scripted(ScriptedRunner(max_steps=4))
    add(engine, "a")
    engine.step()
    engine.interrupt()
    engine.step()
    assert engine.stats().num_steps == 1
    engine.step()
    assert engine.stats().num_steps > 1


def test_the_time_of_the_first_token_is_that_of_its_step() -> None:
    clock = FakeClock()
    engine = scripted(ScriptedRunner(max_steps=4), clock=clock)
    add(engine, "a")
    clock.advance(1.0)
    engine.step()
    clock.advance(1.0)
    timing = drain(engine)["a"][-1].timing
    assert timing is not None
    assert timing.time_to_first_token_s == 1.0


def test_a_forced_prefix_is_read_step_by_step_before_a_run() -> None:
    runner = ScriptedRunner()
    engine = scripted(runner)
    params = GenerationParams(max_new_tokens=10)
    engine.add_request("a", make_prompt(prefix=(START, 9, 9)), params)
    for _ in range(3):
        engine.step()
    assert runner.seconds == [0.0, 0.0, 0.0]
    engine.step()
    assert runner.seconds[-1] == RUN_ON_S
