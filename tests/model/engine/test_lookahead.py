"""Steps that start before the last one's scores are read change no answer and delay no request."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from model.engine.engine import Engine
from model.engine.params import FinishReason, GenerationParams
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
from tests.support.engine.graphs import graphed

NEVER = make_rules(suppressed_ids=(EOS, START))  # outputs end only at their length


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
        started.append(engine.is_ahead)
    assert started == [True] * 7 + [False]


@pytest.mark.parametrize(
    "params", [{"num_beams": 2}, {"seed": 1}, {"return_scores": True}], ids=str
)
def test_a_request_that_may_not_continue_from_the_best_token_is_not_started_ahead(
    params: dict[str, Any],
) -> None:
    engine = start("a", **params)
    while engine.has_work:
        engine.step()
        assert not engine.is_ahead


def test_a_step_that_was_started_does_not_delay_the_admission_of_a_request() -> None:
    engine = start("a")
    engine.step()
    was_ahead = engine.is_ahead
    engine.add_request("b", make_prompt(seed=1), GenerationParams(max_new_tokens=3))
    assert [output.request_id for output in engine.step()] == ["a"]
    assert (was_ahead, engine.is_ahead) == (True, False)
    assert [output.request_id for output in engine.step()] == ["a", "b"]


def test_requests_that_wait_for_rows_do_not_keep_others_from_running_ahead() -> None:
    engine = start("a", "b", "c", max_rows=2)
    engine.step()
    assert engine.is_ahead


@pytest.mark.parametrize("leaver", ["a", "b"])
def test_a_request_aborted_during_a_step_gets_no_more_outputs(leaver: str) -> None:
    engine, undisturbed = start("a", "b"), start("a", "b")
    expected = drain(undisturbed)
    found = {output.request_id: [output] for output in engine.step()}
    assert engine.is_ahead
    engine.abort(leaver)
    engine.add_request("c", make_prompt(seed=5), GenerationParams(max_new_tokens=4))
    for request_id, outputs in drain(engine).items():
        found.setdefault(request_id, []).extend(outputs)
    (stayer,) = {"a", "b"} - {leaver}
    assert len(found[leaver]) == 1
    assert [o.new_token_ids for o in found[stayer]] == [o.new_token_ids for o in expected[stayer]]
    assert len(found["c"]) == 4


def test_a_step_whose_requests_are_all_aborted_is_dropped() -> None:
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
    assert engine.is_ahead
    clock.advance(1.0)
    (output,) = engine.step()
    assert output.finish_reason is FinishReason.DEADLINE
    assert not engine.has_work
    engine.check_invariants()
