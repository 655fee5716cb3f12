"""Loops are told from other repetitions, and no search stays in one."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.config import Norm
from model.engine.params import GenerationParams
from model.engine.search.repetition import (
    MAX_PERIOD,
    SHORT_RUN,
    allow_repeats_of,
    banned_by_repeats,
    count_repeats,
)
from model.tokenizer.prompt import Prompt
from tests.support.engine.factories import (
    EOS,
    START,
    answer,
    drain,
    make_config,
    make_engine,
    make_network,
    make_prompt,
    make_rules,
)

LONG = list(range(1, MAX_PERIOD + 1))


@pytest.mark.parametrize(
    ("sequence", "max_repeats", "banned"),
    [
        pytest.param([5, 6, 7, 5, 6, 7, 5, 6], 2, [7], id="a third round would be complete"),
        pytest.param([5, 6, 7, 5, 6, 7, 5], 2, [], id="it would not yet"),
        pytest.param([8, 6, 7, 5, 6, 7, 5, 6], 2, [], id="it was not twice"),
        pytest.param([5, 6, 7, 5, 6, 7, 5, 6], 3, [], id="a third round is allowed"),
        pytest.param([5, 6, 7, 5, 6, 7, 8, 5, 6, 7, 5, 6], 2, [], id="not in a row"),
        pytest.param([5, *[0] * 6], 3, [0], id="a seventh zero"),
        pytest.param([5, *[0] * 5], 3, [], id="the sixth zero of a million"),
        pytest.param([9, *[0] * 7], 8, [], id="zeros that the source has"),
        pytest.param([5, 6, 7, 8, 5, 6, 7], 1, [8], id="no second round at all"),
        pytest.param([*LONG * 2, *LONG[:-1]], 2, [MAX_PERIOD], id="the longest n-gram"),
        pytest.param([0, *LONG, 0, *LONG, 0, *LONG], 2, [], id="too long an n-gram to be seen"),
        pytest.param([5, 5, 5, 6] * 3, 3, [], id="inside a round"),
        pytest.param([7], 1, [], id="a beginning"),
        pytest.param([], 1, [], id="nothing"),
    ],
)
def test_the_token_that_would_go_on_with_a_loop_is_banned(
    sequence: list[int], max_repeats: int, banned: list[int]
) -> None:
    assert banned_by_repeats(sequence, max_repeats=max_repeats) == banned
    assert banned_by_repeats(tuple(sequence), max_repeats=max_repeats) == banned


@given(st.lists(st.integers(0, 2), max_size=80), st.integers(1, 4))
def test_sequences_without_banned_tokens_repeat_no_ngram_more_often(
    wanted: list[int], max_repeats: int
) -> None:
    sequence: list[int] = []
    for token_id in wanted:
        if token_id not in banned_by_repeats(sequence, max_repeats=max_repeats):
            sequence.append(token_id)
    for period in range(1, MAX_PERIOD + 1):
        rounds = max(max_repeats, SHORT_RUN // period)
        num_tokens = period * (rounds + 1)
        for start in range(len(sequence) - num_tokens + 1):
            run = sequence[start : start + num_tokens]
            assert run != run[:period] * (rounds + 1)


@pytest.mark.parametrize(
    ("sequence", "times"),
    [
        ([7, 5, 6, 5, 6, 5, 7], 2),
        ([1, 1, 1, 2, 3, 2, 3], 3),
        ([1, 2, 3], 0),
        ([1, 2, 1], 0),
        ([*LONG, *LONG], 2),
        ([*LONG, 0, *LONG, 0], 0),
        ([4], 0),
        ([], 0),
    ],
)
def test_rounds_in_a_row_are_counted(sequence: list[int], times: int) -> None:
    assert count_repeats(sequence) == times


@pytest.mark.parametrize(
    ("source_ids", "asked", "allowed"),
    [
        pytest.param([1, 2, 3, 0], 3, 3, id="a source without any"),
        pytest.param([8, 8, 8, 8, 8, 0], 3, 10, id="twice as many as the source has"),
        pytest.param([8, 8, 0], 5, 5, id="never fewer than asked for"),
        pytest.param([8, 8, 8, 8, 8, 0], 0, 0, id="none where the guard is off"),
    ],
)
def test_what_repeats_itself_in_the_source_may_do_so_in_the_output(
    source_ids: list[int], asked: int, allowed: int
) -> None:
    params = GenerationParams(max_repeats=asked, num_beams=2)
    assert allow_repeats_of(source_ids, params) == replace(params, max_repeats=allowed)


# From here on with an engine: its network says one token over and over, and never ends by itself.
NETWORK = make_network(
    config=make_config(norm=Norm(placement="post"), final_norm=False, tied_output=True),
    seed=1,
    dtype=torch.float64,
)
RULES = make_rules(suppressed_ids=(EOS, START))
KINDS: dict[str, dict[str, Any]] = {
    "greedy": {},
    "greedy with scores": {"return_scores": True},
    "sampling": {"seed": 3, "temperature": 0.01},
    "samples": {"seed": 3, "temperature": 0.01, "num_return": 2},
    "beams": {"num_beams": 3, "num_return": 3},
}
kinds = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def outputs(prompt: Prompt, **params: Any) -> list[tuple[int, ...]]:
    engine = make_engine(network=NETWORK, rules=RULES)
    asked = GenerationParams(max_new_tokens=40, **params)
    return [h.token_ids for h in answer(engine, prompt, asked).hypotheses]


@kinds
def test_a_search_of_any_kind_is_led_out_of_a_loop(kind: dict[str, Any]) -> None:
    prompt = make_prompt()
    assert max(map(count_repeats, outputs(prompt, **kind))) > 20
    assert max(map(count_repeats, outputs(prompt, max_repeats=3, **kind))) <= SHORT_RUN


@pytest.mark.parametrize("params", [{}, {"seed": 3, "temperature": 0.01}], ids=str)
def test_up_to_the_first_banned_token_the_guard_changes_nothing(params: dict[str, Any]) -> None:
    (free,) = outputs(make_prompt(), **params)
    (guarded,) = outputs(make_prompt(), max_repeats=3, **params)
    first = next(i for i in range(len(free)) if free[i] != guarded[i])
    assert free[first] in banned_by_repeats((START, *free[:first]), max_repeats=3)


@kinds
def test_a_source_that_repeats_itself_is_answered_as_without_the_guard(
    kind: dict[str, Any],
) -> None:
    prompt = Prompt((*[5] * 30, EOS), (START,))
    assert outputs(prompt, max_repeats=3, **kind) == outputs(prompt, **kind)


@kinds
def test_a_loop_is_left_alike_alone_and_in_company(kind: dict[str, Any]) -> None:
    prompts = {str(length): make_prompt(length=length) for length in (4, 7, 9)}
    together = make_engine(network=NETWORK, rules=RULES, max_rows=9)
    for name, prompt in prompts.items():
        params = GenerationParams(max_new_tokens=40, max_repeats=3, **kind)
        together.add_request(name, prompt, params)
    found = drain(together)
    for name, prompt in prompts.items():
        hypotheses = found[name][-1].hypotheses
        assert [h.token_ids for h in hypotheses] == outputs(prompt, max_repeats=3, **kind)


def test_a_greedy_neighbour_of_a_loop_stays_as_it_was() -> None:
    engine = make_engine(network=NETWORK, rules=RULES)
    engine.add_request("guarded", make_prompt(), GenerationParams(max_new_tokens=40, max_repeats=3))
    engine.add_request("free", make_prompt(), GenerationParams(max_new_tokens=40))
    assert drain(engine)["free"][-1].hypotheses[0].token_ids == outputs(make_prompt())[0]
