"""Steps rounded up to recorded shapes answer as plain ones do; a graph is a function run again."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from torch import Tensor

from model.engine.config import EngineConfig, TokenRules
from model.engine.engine import Engine
from model.engine.params import FinishReason, GenerationParams
from model.engine.runner import Runner
from model.engine.runners import buckets
from model.engine.runners.graph import Compute
from model.engine.runners.graphed_runner import GraphedRunner, GraphedScores
from model.tokenizer.prompt import Prompt
from model.transformer.seq2seq import Seq2SeqTransformer
from tests.support.engine.clocks import FakeClock
from tests.support.engine.factories import (
    EOS,
    START,
    answer,
    drain,
    make_engine,
    make_network,
    make_prompt,
    make_rules,
)
from tests.support.engine.jobs import Job, alone, jobs, networks, rules, run_together, unshrunk

NEVER = make_rules(suppressed_ids=(EOS, START))  # outputs end only at their length
GARBAGE = -7.0


@pytest.fixture(autouse=True, scope="module")
def _small_shapes() -> Iterator[None]:
    """Borders that even short sequences cross."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buckets, "_FEWEST_TOKENS", 4)
        patch.setattr(buckets, "_FEWEST_SOURCES", 2)
        patch.setattr(buckets, "_FEWEST_ENCODED", 2)
        yield


class FakeGraphs:
    """Graphs that share their memory: a replay of one leaves garbage in the results of others."""

    def __init__(self, *, num_possible: int = 1_000) -> None:
        self.graphs: list[FakeGraph] = []
        self.num_possible = num_possible
        self.num_replays = 0

    def __call__(self) -> "FakeGraph":
        self.graphs.append(FakeGraph(self))
        return self.graphs[-1]


class FakeGraph:
    def __init__(self, family: FakeGraphs) -> None:
        self._family = family
        self.results: tuple[Tensor, ...] = ()

    def capture(self, compute: Compute) -> tuple[Tensor, ...]:
        if len(self._family.graphs) > self._family.num_possible:
            raise RuntimeError("operation not permitted when stream is capturing")
        self._compute = compute
        self.results = tuple(torch.full_like(result, GARBAGE) for result in compute())
        return self.results

    def replay(self) -> None:
        self._family.num_replays += 1
        for graph in self._family.graphs:
            for result in graph.results:
                result.fill_(GARBAGE)
        for result, new in zip(self.results, self._compute(), strict=True):
            result.copy_(new)


def graphed(
    graphs: FakeGraphs | None = None,
    *,
    network: Seq2SeqTransformer | None = None,
    rules: TokenRules | None = None,
    widths: Sequence[int] = (1, 2, 4),
    **limits: Any,
) -> Engine:
    """An engine whose runner has recorded its shapes."""
    chosen = graphs or FakeGraphs()

    def make(
        network: Seq2SeqTransformer,
        rules: TokenRules,
        config: EngineConfig,
        cache_dtype: torch.dtype,
    ) -> Runner:
        return GraphedRunner(network, rules, config, cache_dtype=cache_dtype, make_graph=chosen)

    engine = make_engine(network=network, rules=rules, make=make, **limits)
    engine.warm_up(widths=widths)
    return engine


@unshrunk
@given(networks, rules, jobs(abortable=True))
def test_any_mix_of_requests_gets_the_answers_of_a_plain_engine(
    network: Seq2SeqTransformer, token_rules: TokenRules, todo: list[Job]
) -> None:
    """Few rows, so that requests queue, leave and move; shapes small enough to be crossed."""
    graphs = FakeGraphs()
    engine = graphed(
        graphs,
        network=network,
        rules=token_rules,
        max_rows=9,
        max_source_tokens=12,
        max_target_tokens=16,
        widths=(1, 3),
    )
    outputs = run_together(engine, todo)
    for number, job in enumerate(todo):
        ended = bool(outputs[number]) and outputs[number][-1].finish_reason is not None
        assert ended or job.aborted_at is not None
        if ended:
            expected = alone(network, token_rules, job)
            last = outputs[number][-1]
            assert last.finish_reason == expected.finish_reason
            assert [h.token_ids for h in last.hypotheses] == [
                h.token_ids for h in expected.hypotheses
            ]
            assert [h.log_prob for h in last.hypotheses] == pytest.approx(
                [h.log_prob for h in expected.hypotheses], abs=1e-4
            )


@pytest.mark.parametrize("params", [{}, {"num_beams": 2}, {"num_beams": 3}], ids=str)
def test_a_recorded_step_is_one_replay(params: dict[str, Any]) -> None:
    graphs = FakeGraphs()
    engine = graphed(graphs, rules=NEVER)
    engine.add_request("a", make_prompt(), GenerationParams(max_new_tokens=9, **params))
    steps = 0
    while engine.has_work:
        before = graphs.num_replays
        engine.step()
        steps += 1
        assert graphs.num_replays <= before + 2  # at most one of them runs ahead
    assert (steps, graphs.num_replays) == (9, 9)


@pytest.mark.parametrize("length", [3, 4, 5, 8, 9, 16, 17, 47])
def test_at_the_borders_of_shapes_nothing_happens(length: int) -> None:
    network = make_network(dtype=torch.float64)
    wanted = GenerationParams(max_new_tokens=length, return_scores=True)
    for num_requests in (1, 2, 3, 4, 5):
        found, expected = (
            make(network=network, rules=NEVER, max_rows=5) for make in (graphed, make_engine)
        )
        for engine in (found, expected):
            for number in range(num_requests):
                prompt = make_prompt(length=length, seed=number)
                engine.add_request(str(number), prompt, wanted)
        answers = drain(found)
        for request_id, outputs in drain(expected).items():
            assert answers[request_id][-1].hypotheses[0].token_ids == (
                outputs[-1].hypotheses[0].token_ids
            )


def test_what_was_not_recorded_is_computed_plainly() -> None:
    graphs = FakeGraphs()
    engine = graphed(graphs, widths=(1,))
    engine.add_request("a", make_prompt(), GenerationParams(max_new_tokens=5, num_beams=3))
    assert drain(engine)["a"][-1].hypotheses
    assert graphs.num_replays == 0


def test_what_cannot_be_recorded_is_told_and_computed_plainly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    network = make_network(dtype=torch.float64)
    graphs = FakeGraphs(num_possible=9)
    engine = graphed(graphs, network=network, rules=NEVER)
    (record,) = caplog.records
    assert record.getMessage() == "steps not recorded"
    plain = make_engine(network=network, rules=NEVER)
    for each in (engine, plain):
        for number in range(8):
            wanted = GenerationParams(max_new_tokens=40)
            each.add_request(str(number), make_prompt(length=40, seed=number), wanted)
    found, expected = drain(engine), drain(plain)
    assert graphs.num_replays > 0
    for request_id, outputs in expected.items():
        assert found[request_id][-1].hypotheses[0].token_ids == outputs[-1].hypotheses[0].token_ids


def test_warming_up_tells_how_far_it_is_and_records_nothing_twice() -> None:
    graphs = FakeGraphs()
    engine = graphed(graphs, widths=(1,))
    progress: list[tuple[int, int]] = []
    engine.warm_up(widths=(1, 2), on_progress=lambda done, total: progress.append((done, total)))
    total = progress[-1][1]
    assert progress == [(done, total) for done in range(1, total + 1)]
    num_graphs = len(graphs.graphs)
    engine.warm_up(widths=(1, 2))
    assert len(graphs.graphs) == num_graphs


def test_more_than_was_recorded_of_the_best_is_computed_anew() -> None:
    engine = graphed(widths=(1, 2))
    runner = engine._runner
    assert isinstance(runner, GraphedRunner)
    engine.add_request("a", make_prompt(), GenerationParams(num_beams=2, max_new_tokens=9))
    scores = runner.run(engine._scheduler.schedule()).scores
    assert isinstance(scores, GraphedScores)
    few, many = scores.top(4), scores.top(9)
    assert [row[:4] for row in many[1]] == few[1]
    assert [len(row) for row in many[1]] == [9] * len(many[1])


# Running ahead


@pytest.mark.parametrize("num_requests", [1, 3])
@pytest.mark.parametrize("forced", [{"forced_bos_id": 5}, {"forced_eos_id": EOS}], ids=str)
def test_a_forced_token_is_read_by_the_step_after_it(
    forced: dict[str, int], num_requests: int
) -> None:
    """Greedy requests run ahead from the best token, which a forced one is not."""
    network = make_network(dtype=torch.float64)
    rules = make_rules(suppressed_ids=(EOS, START), **forced)
    engines = [make(network=network, rules=rules) for make in (graphed, make_engine)]
    for engine in engines:
        for number in range(num_requests):
            params = GenerationParams(max_new_tokens=6)
            engine.add_request(str(number), make_prompt(seed=number), params)
    found, expected = (drain(engine) for engine in engines)
    for request_id, outputs in expected.items():
        assert found[request_id][-1].hypotheses == outputs[-1].hypotheses


def test_a_first_token_that_the_prompt_forces_is_read_by_the_second_step() -> None:
    network = make_network(dtype=torch.float64)
    prompt = replace(make_prompt(), forced_bos_id=9)
    found, expected = (
        answer(make(network=network, rules=NEVER), prompt, GenerationParams(max_new_tokens=6))
        for make in (graphed, make_engine)
    )
    assert found.hypotheses == expected.hypotheses


def ahead(engine: Engine) -> bool:
    """Whether a step was started that nobody has looked at yet."""
    return engine._ahead is not None


def start(*request_ids: str, max_rows: int = 8, **params: Any) -> Engine:
    network = make_network(dtype=torch.float64)
    engine = graphed(network=network, rules=NEVER, max_rows=max_rows)
    for number, request_id in enumerate(request_ids):
        wanted = GenerationParams(**{"max_new_tokens": 8, **params})
        engine.add_request(request_id, make_prompt(seed=number), wanted)
    return engine


def test_greedy_steps_are_started_ahead_but_never_beyond_the_last_token() -> None:
    engine = start("a", "b")
    started = []
    while engine.has_work:
        engine.step()
        started.append(ahead(engine))
    assert started == [True] * 7 + [False]


@pytest.mark.parametrize(
    "params", [{"num_beams": 2}, {"seed": 1}, {"return_scores": True}], ids=str
)
def test_what_goes_on_from_something_else_than_the_best_token_is_not(
    params: dict[str, Any],
) -> None:
    engine = start("a", **params)
    while engine.has_work:
        engine.step()
        assert not ahead(engine)


def test_whoever_may_be_admitted_is_not_kept_waiting_by_a_step_that_was_started() -> None:
    engine = start("a")
    engine.step()
    assert ahead(engine)
    engine.add_request("b", make_prompt(seed=1), GenerationParams(max_new_tokens=3))
    assert [output.request_id for output in engine.step()] == ["a"]
    assert not ahead(engine)
    assert [output.request_id for output in engine.step()] == ["a", "b"]


def test_those_who_wait_for_rows_do_not_keep_others_from_running_ahead() -> None:
    engine = start("a", "b", "c", max_rows=2)
    engine.step()
    assert ahead(engine)


@pytest.mark.parametrize("leaver", ["a", "b"])
def test_nothing_is_heard_of_one_who_left_while_a_step_was_under_way(leaver: str) -> None:
    engine, undisturbed = start("a", "b"), start("a", "b")
    expected = drain(undisturbed)
    found = {output.request_id: [output] for output in engine.step()}
    assert ahead(engine)
    engine.abort(leaver)
    engine.add_request("c", make_prompt(seed=5), GenerationParams(max_new_tokens=4))
    for request_id, outputs in drain(engine).items():
        found.setdefault(request_id, []).extend(outputs)
    (stayer,) = {"a", "b"} - {leaver}
    assert len(found[leaver]) == 1
    assert [o.new_token_ids for o in found[stayer]] == [o.new_token_ids for o in expected[stayer]]
    assert len(found["c"]) == 4


def test_a_step_that_everybody_left_is_forgotten() -> None:
    engine = start("a")
    engine.step()
    engine.abort("a")
    engine.add_request("b", make_prompt(seed=1), GenerationParams(max_new_tokens=3))
    plain = make_engine(network=make_network(dtype=torch.float64), rules=NEVER)
    plain.add_request("b", make_prompt(seed=1), GenerationParams(max_new_tokens=3))
    assert [o.new_token_ids for o in drain(engine)["b"]] == [
        o.new_token_ids for o in drain(plain)["b"]
    ]


def test_a_deadline_that_passes_while_a_step_is_under_way_is_kept() -> None:
    clock = FakeClock()
    engine = graphed(rules=NEVER, clock=clock)
    wanted = GenerationParams(max_new_tokens=8)
    engine.add_request("a", make_prompt(), wanted, deadline_s=1.0)
    engine.step()
    assert ahead(engine)
    clock.advance(1.0)
    (output,) = engine.step()
    assert output.finish_reason is FinishReason.DEADLINE
    assert not engine.has_work
    engine.check_invariants()


def test_numbers_that_are_none_fail_their_own_request_alone() -> None:
    network = make_network(dtype=torch.float64)
    network.embedding.weight[13] = torch.nan
    rules = make_rules(suppressed_ids=(13, EOS, START))
    engine = graphed(network=network, rules=rules)
    plain = make_engine(network=network, rules=rules)
    wanted = GenerationParams(max_new_tokens=8)
    for each in (engine, plain):
        for number in (1, 5):
            prompt = make_prompt(length=7, seed=number)
            assert 13 not in prompt.encoder_ids
            each.add_request(str(number), prompt, wanted)
        each.add_request("poison", Prompt((13,) * 5, (START,)), wanted)
    found, expected = drain(engine), drain(plain)
    assert found["poison"][-1].finish_reason is FinishReason.ERROR
    for request_id in ("1", "5"):
        assert [o.new_token_ids for o in found[request_id]] == [
            o.new_token_ids for o in expected[request_id]
        ]
