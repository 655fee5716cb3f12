"""Steps rounded up to recorded shapes answer as plain ones do; a graph is a function run again."""

from typing import Any

import pytest
import torch
from hypothesis import given

from model.engine.batch import Batch
from model.engine.config import TokenRules
from model.engine.params import FinishReason, GenerationParams
from model.engine.runners.graphed_runner import GraphedRunner
from model.engine.runners.model_runner import ModelRunner
from model.engine.search.make_search import make_search
from model.tokenizer.prompt import Prompt
from model.transformer.seq2seq import Seq2SeqTransformer
from tests.support.engine.factories import (
    EOS,
    START,
    drain,
    make_engine,
    make_engine_config,
    make_network,
    make_prompt,
    make_request,
    make_rules,
)
from tests.support.engine.graphs import SMALLEST, FakeGraphs, graphed
from tests.support.engine.jobs import Job, alone, jobs, networks, rules, run_together, unshrunk

NEVER = make_rules(suppressed_ids=(EOS, START))  # outputs end only at their length


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


@pytest.mark.parametrize("num_tokens", [1, 4, 5, 9])
def test_more_candidates_than_were_recorded_are_computed_anew(num_tokens: int) -> None:
    """A graph of two rows per source records four candidates a row."""
    network, config = make_network(dtype=torch.float64), make_engine_config()
    runners = [
        GraphedRunner(
            network,
            NEVER,
            config,
            cache_dtype=torch.float64,
            make_graph=FakeGraphs(),
            smallest=SMALLEST,
        ),
        ModelRunner(network, NEVER, config, cache_dtype=torch.float64),
    ]
    request = make_request(num_beams=2, max_new_tokens=9)
    request.search = make_search(request.prompt, request.params, NEVER)
    request.rows, request.slot = [0, 1], 0
    found = []
    for runner in runners:
        runner.warm_up(widths=(2,), on_progress=lambda *_: None)
        scores = runner.run(Batch(encode=[request], decode=[request])).scores
        assert scores is not None
        found.append(scores.top(num_tokens))
    assert found[0][1] == found[1][1]
    assert [len(row) for row in found[0][1]] == [num_tokens] * 2


def test_a_request_with_nan_logits_fails_alone() -> None:
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
