"""Memory runs out in the middle of a step: all requests restart and get the same answers."""

import logging
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from model.engine.batch import Batch
from model.engine.config import EngineConfig, TokenRules
from model.engine.engine import Engine
from model.engine.out_of_memory import is_out_of_memory
from model.engine.params import FinishReason, GenerationParams
from model.engine.request import RequestOutput
from model.engine.runner import Best, OnProgress, RowCopy, Runner, RunnerOutput, Scores, Top
from model.engine.runners.make_runner import make_runner
from model.transformer.seq2seq import Seq2SeqTransformer
from tests.support.engine.clocks import FakeClock
from tests.support.engine.factories import (
    EOS,
    START,
    KeepingRunner,
    drain,
    make_engine,
    make_network,
    make_prompt,
    make_rules,
)
from tests.support.engine.jobs import Job, alone, jobs, networks, rules, run_together, unshrunk

Result = TypeVar("Result")

NEVER = make_rules(suppressed_ids=(EOS, START))  # outputs end only at their length


class Memory:
    """Memory that runs out at the given operations: before odd ones, after even ones."""

    def __init__(self, fails_at: Collection[int], *, max_rows: int = 1_000) -> None:
        self._fails_at = fails_at
        self.max_rows = max_rows
        self.num_operations = 0
        self.num_releases = 0

    def use(self, operation: Callable[[], Result]) -> Result:
        number = self.num_operations
        self.num_operations += 1
        fails = number in self._fails_at
        if fails and number % 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 TiB.\nmore")
        result = operation()
        if fails:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to")
        return result


class FailingScores:
    def __init__(self, scores: Scores, memory: Memory) -> None:
        self._scores = scores
        self._memory = memory

    def best(self) -> Best:
        return self._memory.use(self._scores.best)

    def top(self, num_tokens: int) -> Top:
        return self._memory.use(lambda: self._scores.top(num_tokens))

    def logits(self) -> Tensor:
        return self._memory.use(self._scores.logits)


class FailingRunner:
    """A runner whose memory runs out."""

    runs_ahead = False

    def __init__(self, runner: Runner, memory: Memory) -> None:
        self._runner = runner
        self._memory = memory
        self.num_rows, self.num_blocks = runner.num_rows, runner.num_blocks
        self.scrub = runner.scrub
        self.trim = runner.trim

    def run(self, batch: Batch, *, seconds: float = 0.0) -> RunnerOutput:
        if batch.num_rows > self._memory.max_rows:
            raise MemoryError
        scores = self._memory.use(lambda: self._runner.run(batch, seconds=seconds)).scores
        return RunnerOutput(None if scores is None else FailingScores(scores, self._memory))

    def interrupt(self) -> None:
        raise NotImplementedError

    def copy_rows(self, copies: Sequence[RowCopy]) -> None:
        self._memory.use(lambda: self._runner.copy_rows(copies))

    def release(self) -> None:
        self._memory.num_releases += 1
        self._runner.release()

    def run_ahead(self, batch: Batch) -> Scores | None:
        raise NotImplementedError

    def warm_up(self, *, widths: Sequence[int], on_progress: OnProgress) -> None:
        raise NotImplementedError


def failing(memory: Memory, **options: Any) -> Engine:
    def make(
        network: Seq2SeqTransformer,
        rules: TokenRules,
        config: EngineConfig,
        cache_dtype: torch.dtype,
    ) -> Runner:
        return FailingRunner(make_runner(network, rules, config, cache_dtype), memory)

    return make_engine(make=make, **options)


def add(engine: Engine, request_id: str, **params: Any) -> None:
    wanted = GenerationParams(**{"max_new_tokens": 8, **params})
    engine.add_request(request_id, make_prompt(seed=ord(request_id)), wanted)


def streamed(outputs: Sequence[RequestOutput]) -> tuple[int, ...]:
    return tuple(token_id for output in outputs for token_id in output.new_token_ids)


@unshrunk
@given(networks, rules, jobs(abortable=True), st.sets(st.integers(0, 60), max_size=6))
def test_running_out_of_memory_loses_no_request_and_changes_no_answer(
    network: Seq2SeqTransformer,
    token_rules: TokenRules,
    todo: list[Job],
    fails_at: set[int],
) -> None:
    """Only a request that runs alone ends with OUT_OF_MEMORY, after two failures at one length."""
    engine = failing(Memory(fails_at), network=network, rules=token_rules, max_rows=9)
    outputs = run_together(engine, todo)
    for number, job in enumerate(todo):
        ended = bool(outputs[number]) and outputs[number][-1].finish_reason is not None
        assert ended or job.aborted_at is not None
        if not ended or outputs[number][-1].finish_reason is FinishReason.OUT_OF_MEMORY:
            continue
        last, expected = outputs[number][-1], alone(network, token_rules, job)
        assert sum(output.finish_reason is not None for output in outputs[number]) == 1
        assert [h.token_ids for h in last.hypotheses] == [h.token_ids for h in expected.hypotheses]
        assert [h.log_prob for h in last.hypotheses] == pytest.approx(
            [h.log_prob for h in expected.hypotheses], abs=1e-4
        )
        if job.params.num_rows == 1:
            prefix = job.params.target_prefix_ids
            assert (last.hypotheses == ()) or (
                prefix + streamed(outputs[number]) == last.hypotheses[0].token_ids
            )


@pytest.mark.parametrize("fails_at", range(12))
@pytest.mark.parametrize("params", [{}, {"num_beams": 3}, {"seed": 1, "num_return": 2}], ids=str)
def test_a_request_alone_survives_one_failure_wherever_it_comes(
    params: dict[str, Any], fails_at: int
) -> None:
    network = make_network(dtype=torch.float64)
    memory = Memory({fails_at})
    found, expected = (
        failing(memory, network=network, rules=NEVER),
        make_engine(network=network, rules=NEVER),
    )
    for engine in (found, expected):
        add(engine, "a", **params)
    (outputs,), (wanted,) = drain(found).values(), drain(expected).values()
    assert [h.token_ids for h in outputs[-1].hypotheses] == [
        h.token_ids for h in wanted[-1].hypotheses
    ]
    assert streamed(outputs) == streamed(wanted)
    assert memory.num_releases == 1


def test_fewer_rows_are_used_once_memory_ran_out() -> None:
    engine = failing(Memory(set(), max_rows=5), rules=NEVER)
    for request_id in "abcdefgh":
        add(engine, request_id)
    assert engine.stats().max_rows == 8
    answers = drain(engine)
    assert engine.stats().max_rows == 4  # 8, 6, and then 4
    assert all(len(outputs[-1].hypotheses[0].token_ids) == 8 for outputs in answers.values())
    assert len(answers) == 8


def test_those_who_begin_anew_come_before_those_who_waited() -> None:
    engine = failing(Memory({1}), rules=NEVER, max_rows=2)
    for request_id in "abc":
        add(engine, request_id, max_new_tokens=2)
    assert list(drain(engine)) == ["a", "b", "c"]


def test_a_request_that_does_not_fit_alone_ends_and_the_others_go_on() -> None:
    engine = failing(Memory(set(), max_rows=3), rules=NEVER)
    for request_id, num_beams in (("a", 1), ("b", 4), ("c", 1)):
        add(engine, request_id, num_beams=num_beams)
    answers = {request_id: outputs[-1] for request_id, outputs in drain(engine).items()}
    assert answers["b"].finish_reason is FinishReason.OUT_OF_MEMORY
    assert answers["b"].hypotheses == ()
    for request_id in "ac":
        assert answers[request_id].finish_reason is FinishReason.LENGTH


def test_the_time_in_the_queue_ends_at_the_first_admission() -> None:
    """The second step fails, so that the request is admitted again, and computed anew."""
    clock = FakeClock()
    engine = failing(Memory({2}), rules=NEVER, clock=clock)
    add(engine, "a")
    clock.advance(1.0)
    engine.step()
    clock.advance(1.0)
    engine.step()
    clock.advance(1.0)
    timing = drain(engine)["a"][-1].timing
    assert timing is not None
    assert (timing.queue_s, timing.time_to_first_token_s, timing.inference_s) == (1.0, 1.0, 2.0)


def test_it_is_logged_once_with_numbers(caplog: pytest.LogCaptureFixture) -> None:
    engine = failing(Memory({3}), rules=NEVER)
    for request_id in "abcd":
        add(engine, request_id)
    with caplog.at_level(logging.WARNING, logger="model.engine.engine"):
        drain(engine)
    (record,) = caplog.records
    assert record.getMessage() == "out of memory"
    told = {name: vars(record)[name] for name in ("requests", "rows", "max_rows", "reason")}
    assert told == {
        "requests": 4,
        "rows": 4,
        "max_rows": 3,
        "reason": "OutOfMemoryError: CUDA out of memory. Tried to allocate 1 TiB.",
    }


def test_any_other_failure_is_no_lack_of_memory() -> None:
    kept = KeepingRunner()
    engine = make_engine(make=kept)
    kept.runner.run = broken
    add(engine, "a")
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        engine.step()


def broken(batch: Batch, *, seconds: float = 0.0) -> RunnerOutput:
    raise RuntimeError(f"shapes cannot be multiplied: {batch.num_rows} {seconds}")


def test_a_cpu_s_allocator_says_so_in_its_own_words() -> None:
    with pytest.raises(RuntimeError) as found:
        torch.empty(1 << 55)
    assert is_out_of_memory(found.value)
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"))
    assert not is_out_of_memory(RuntimeError("a tensor of another shape"))
    assert not is_out_of_memory(ValueError("out of memory"))
