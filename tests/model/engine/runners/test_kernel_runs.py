"""Runs of several steps with our own kernels give the tokens of single steps."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from model.engine.params import GenerationParams
from model.engine.search.beam_search import BeamSearch
from model.engine.search.repetition import SHORT_RUN, count_repeats
from model.engine.search.search import Extension
from model.kernels.packing import KernelPacking
from model.transformer.packing import pack
from tests.support.engine.factories import (
    START,
    answer,
    drain,
    make_engine,
    make_prompt,
)
from tests.support.engine.jobs import Job, run_together
from tests.support.engine.kernel_engines import bits, kernel_engine, looping_network, loose_network
from tests.support.service.machines import needs_kernels

pytestmark = [needs_kernels, pytest.mark.usefixtures("every_width")]


LONG: tuple[dict[str, Any], ...] = (
    {},
    {"return_scores": True},
    {"num_beams": 4, "num_return": 4},
    {"num_beams": 8, "num_return": 8, "length_penalty": 0.3, "early_stopping": "never"},
    {"num_beams": 2, "early_stopping": True, "length_penalty": 2.0},
    {"num_beams": 3, "num_return": 3, "length_penalty": -1.0},
)


@pytest.mark.parametrize("max_repeats", [0, 1, 3])
@pytest.mark.parametrize("end", [-50.0, 0.0, 2.0])
@pytest.mark.parametrize("run_on_s", [0.0, 60.0])
def test_long_outputs_are_those_of_pytorch_whether_their_steps_are_seen_or_not(
    run_on_s: float, end: float, max_repeats: int
) -> None:
    """In a batch of many kinds of requests, some with a limit on repetitions."""
    plain, network = loose_network(end=end), loose_network(end=end)
    pack(network, KernelPacking(torch.float32))
    todo = [
        Job(
            prompt=make_prompt(length=3 + number, seed=number),
            params=GenerationParams(max_new_tokens=47, max_repeats=max_repeats, **changes),
            arrives_at=number % 3,
        )
        for number, changes in enumerate(4 * LONG)
    ]
    found = run_together(make_engine(network=network, max_rows=40, run_on_s=run_on_s), todo)
    expected = run_together(make_engine(network=plain, max_rows=40), todo)
    for number, outputs in expected.items():
        ours, theirs = found[number][-1].hypotheses, outputs[-1].hypotheses
        assert [h.token_ids for h in ours] == [h.token_ids for h in theirs]
        assert run_on_s or len(found[number]) == len(outputs)  # and no step later
        ranks = [h.rank for h in theirs]
        assert [h.rank for h in ours] == pytest.approx(ranks, rel=1e-4, abs=1e-4)


def test_a_loop_is_noticed_within_a_run() -> None:
    params = GenerationParams(max_new_tokens=40)
    loops, guarded = (
        answer(kernel_engine(looping_network(), run_on_s=60.0), make_prompt(), one).hypotheses
        for one in (params, replace(params, max_repeats=2))
    )
    assert count_repeats(loops[0].token_ids) > 10
    assert count_repeats(guarded[0].token_ids) <= SHORT_RUN


@pytest.mark.parametrize("forced", [None, 9])
@pytest.mark.parametrize("prefix", [(START,), (START, 7), (START, 7, 8)])
@pytest.mark.parametrize("num_beams", [1, 4])
def test_a_first_token_is_not_held_back(
    num_beams: int, prefix: tuple[int, ...], forced: int | None
) -> None:
    engine = kernel_engine(looping_network(), run_on_s=60.0)
    prompt = replace(make_prompt(prefix=prefix), forced_bos_id=forced)
    num_known = len(prefix) - 1 + (forced is not None and len(prefix) == 1)
    for request_id in ("a", "b"):
        params = GenerationParams(max_new_tokens=40, num_beams=num_beams)
        engine.add_request(request_id, prompt, params)
        for _ in range(num_known + 1):
            engine.step()
            assert engine.stats().num_steps == 1
        engine.step()
        assert engine.stats().num_steps > 1


@pytest.mark.parametrize("max_repeats", [2**31 - 1, 2**32 - 1, 2**32 + 1])
def test_a_guard_that_allows_any_number_of_repeats_allows_them(max_repeats: int) -> None:
    engine = kernel_engine(looping_network(), run_on_s=60.0)
    params = GenerationParams(max_new_tokens=40)
    expected = answer(engine, make_prompt(), params)
    found = answer(engine, make_prompt(), replace(params, max_repeats=max_repeats))
    assert bits(found) == bits(expected)


def test_what_was_chosen_unseen_is_told_although_memory_runs_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second request's tokens do not fit; those of the first one are still streamed."""
    extend, num_calls = BeamSearch.extend, 0

    def fail_once(search: BeamSearch, extension: Extension) -> None:
        nonlocal num_calls
        num_calls += 1
        if num_calls == 2:
            raise MemoryError
        extend(search, extension)

    monkeypatch.setattr(BeamSearch, "extend", fail_once)
    engine = kernel_engine(looping_network(), run_on_s=60.0)
    engine.add_request("a", make_prompt(), GenerationParams(max_new_tokens=40))
    engine.add_request("b", make_prompt(), GenerationParams(max_new_tokens=40, num_beams=4))
    outputs = drain(engine)["a"]
    assert num_calls > 2
    tokens = [token_id for output in outputs for token_id in output.new_token_ids]
    assert tokens == list(outputs[-1].hypotheses[0].token_ids)


def test_an_interrupted_engine_looks_up_after_a_step() -> None:
    engine = kernel_engine(looping_network(), run_on_s=60.0)
    engine.add_request("a", make_prompt(), GenerationParams(max_new_tokens=40))
    engine.step()
    engine.interrupt()
    engine.step()
    assert engine.stats().num_steps == 1
    engine.step()
    assert engine.stats().num_steps > 1


@pytest.mark.parametrize("max_rows", [4, 8], ids=["waiting", "running"])
@pytest.mark.parametrize("num_beams", [1, 4])
def test_no_unseen_step_begins_after_a_deadline(num_beams: int, max_rows: int) -> None:
    """The deadline of a running or of a waiting request."""
    engine = make_engine(
        network=looping_network(), clock=lambda: 5.0, run_on_s=60.0, max_rows=max_rows
    )
    params = GenerationParams(max_new_tokens=40, num_beams=num_beams)
    engine.add_request("patient", make_prompt(), replace(params, num_beams=4))
    engine.add_request("late", make_prompt(), params, deadline_s=5.0 + 1e-9)
    for _ in range(3):
        engine.step()
        assert engine.stats().num_steps == 1
    engine.abort("late")
    engine.step()
    assert engine.stats().num_steps > 1


def test_what_an_unseen_step_brings_is_told_once() -> None:
    """All tokens in order, those of a last step that ends the output, too."""
    engine = kernel_engine(looping_network(), run_on_s=60.0)
    engine.add_request("a", make_prompt(), GenerationParams(max_new_tokens=40))
    outputs = drain(engine)["a"]
    tokens = [token_id for output in outputs for token_id in output.new_token_ids]
    assert tokens == list(outputs[-1].hypotheses[0].token_ids)
    assert len(outputs) < len(tokens)
