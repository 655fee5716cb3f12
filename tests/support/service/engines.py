"""An `AsyncEngine` over a tiny network, whose steps a test can hold."""

import math
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from model.engine.batch import Batch
from model.engine.engine import Engine
from model.engine.params import GenerationParams, Priority
from model.engine.request import RequestOutput
from model.engine.runner import Runner
from model.engine.runners.make_runner import make_runner
from model.scoring.forced_pass import ForcedPass
from model.scoring.given import Given
from service.deadline import Deadline
from service.hosting.async_engine import AsyncEngine
from service.hosting.engine_request import EngineRequest
from service.hosting.score_queue import ScoreJob, ScoreQueue
from service.telemetry.metrics import EngineMetrics
from tests.support.engine.factories import (
    EOS,
    START,
    make_engine,
    make_engine_config,
    make_network,
    make_prompt,
    make_rules,
)

NO_DEADLINE = Deadline(math.inf, math.inf)
NEVER = make_rules(suppressed_ids=(EOS, START))  # outputs end only at their length


@contextmanager
def running(
    engine: Engine, *, scores: ScoreQueue | None = None, **options: Any
) -> Iterator[AsyncEngine]:
    """Run an engine in its thread; `scores` is of another tiny network unless it is given."""
    metrics = EngineMetrics("test")
    scores = make_score_queue() if scores is None else scores
    running_engine = AsyncEngine(engine, scores, num_threads=1, metrics=metrics, **options)
    try:
        yield running_engine
    finally:
        running_engine.stop()


def make_score_queue(forced: ForcedPass | None = None, **options: Any) -> ScoreQueue:
    """Return a queue for nine given outputs of a tiny network."""
    forced = forced or ForcedPass(make_network(), make_rules(), make_engine_config())
    return ScoreQueue(forced, **{"max_waiting": 9, **options})


def make_score_job(*output_ids: int, source: int = 0, **options: Any) -> ScoreJob:
    """Return a job without a deadline; `options` are its fields."""
    given = Given(prompt=make_prompt(seed=source), output_ids=output_ids)
    fields = {"priority": Priority.INTERACTIVE, "group": "a", "deadline": NO_DEADLINE}
    return ScoreJob(given=given, **{**fields, **options})


def make_request(name: str = "a", *, source: int = 0, **params: Any) -> EngineRequest:
    return EngineRequest(
        request_id=name,
        prompt=make_prompt(seed=source, length=3 + source % 7),
        params=GenerationParams(**{"max_new_tokens": 6, **params}),
        priority=Priority.INTERACTIVE,
        group=name,
        deadline=NO_DEADLINE,
        stream=False,
    )


async def last_of(outputs: AsyncIterator[RequestOutput]) -> RequestOutput:
    return [output async for output in outputs][-1]


class Gate:
    """A gate before a runner's steps, which passes a step, holds it, or raises."""

    def __init__(self, runner: Runner, *, closes_after: int) -> None:
        self.error: Exception | None = None
        self.is_open = threading.Event()
        self.is_open.set()
        self.num_held = 0
        self.num_messages = 0  # to the engine's thread: each interrupts the runner
        self.num_steps = 0  # that decoded anything
        self._closes_after = closes_after
        self._run = runner.run
        self._interrupt = runner.interrupt
        runner.run = self  # type: ignore[method-assign]
        runner.interrupt = self.interrupt  # type: ignore[method-assign]

    def __call__(self, batch: Batch, *, seconds: float = 0.0) -> Any:
        self.num_held += not self.is_open.is_set()
        self.is_open.wait(60)
        if self.error is not None:
            raise self.error
        self.num_steps += bool(batch.decode)
        if self.num_steps == self._closes_after:
            self.is_open.clear()
        return self._run(batch, seconds=seconds)

    def interrupt(self) -> None:
        self.num_messages += 1
        self._interrupt()


def make_gated_engine(*, closes_after: int = 1_000_000, **options: Any) -> tuple[Engine, Gate]:
    """Return an engine and the gate before its steps; `options` are those of `make_engine`."""
    gates: list[Gate] = []

    def make(*args: Any) -> Runner:
        runner = make_runner(*args)
        gates.append(Gate(runner, closes_after=closes_after))
        return runner

    return make_engine(make=make, **options), gates[0]
