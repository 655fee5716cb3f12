"""The engine from request to answer: how it ends, what it refuses, and what it leaves behind."""

from typing import Any

import pytest

from model.engine.params import FinishReason, GenerationParams, Priority
from model.errors import ConfigError, InputTooLongError, InvalidParamsError, QueueFullError
from tests.support.engine.asking import add, assert_empty, assert_same
from tests.support.engine.clocks import FakeClock
from tests.support.engine.factories import (
    EOS,
    START,
    answer,
    drain,
    make_engine,
    make_prompt,
    make_rules,
)

NEVER = make_rules(suppressed_ids=(EOS, START))  # outputs end only at their length


# Outputs and how they end


def test_an_output_ends_by_itself_or_at_its_length() -> None:
    found = {
        answer(make_engine(), make_prompt(seed=seed), GenerationParams(max_new_tokens=8))
        .hypotheses[0]
        .finish_reason
        for seed in range(12)
    }
    assert found == {FinishReason.STOP, FinishReason.LENGTH}


@pytest.mark.parametrize("params", [{}, {"num_beams": 3}, {"seed": 1}], ids=str)
@pytest.mark.parametrize("max_new_tokens", [1, 2, 7])
def test_no_more_tokens_are_generated_than_asked_for(
    params: dict[str, Any], max_new_tokens: int
) -> None:
    wanted = GenerationParams(max_new_tokens=max_new_tokens, **params)
    output = answer(make_engine(rules=NEVER), make_prompt(), wanted)
    assert output.finish_reason is FinishReason.LENGTH
    assert len(output.hypotheses[0].token_ids) == max_new_tokens


def test_an_output_may_use_every_position_the_model_has() -> None:
    engine = make_engine(rules=NEVER, max_target_tokens=48)
    wanted = GenerationParams(max_new_tokens=45, target_prefix_ids=(4, 5), num_beams=2)
    assert len(answer(engine, make_prompt(length=48), wanted).hypotheses[0].token_ids) == 47


def test_n_best_come_in_order_of_rank_with_scores() -> None:
    wanted = GenerationParams(max_new_tokens=6, num_beams=4, num_return=4, length_penalty=0.5)
    hypotheses = answer(make_engine(), make_prompt(), wanted).hypotheses
    assert len({h.token_ids for h in hypotheses}) == 4
    assert [h.rank for h in hypotheses] == sorted((h.rank for h in hypotheses), reverse=True)
    for h in hypotheses:
        assert h.rank == pytest.approx(h.log_prob / h.num_generated**0.5)
        assert h.score == pytest.approx(h.log_prob / h.num_generated)
        assert h.score < 0


def test_several_samples_differ_and_come_best_first() -> None:
    wanted = GenerationParams(max_new_tokens=6, seed=5, num_return=4, temperature=2.0)
    hypotheses = answer(make_engine(), make_prompt(), wanted).hypotheses
    assert len({h.token_ids for h in hypotheses}) == 4
    assert [h.score for h in hypotheses] == sorted((h.score for h in hypotheses), reverse=True)


def test_a_seed_gives_the_same_samples_however_many_are_asked_for() -> None:
    one, three = (
        answer(
            make_engine(),
            make_prompt(),
            GenerationParams(max_new_tokens=6, seed=5, num_return=num_return, temperature=2.0),
        )
        for num_return in (1, 3)
    )
    assert one.hypotheses[0].token_ids in {h.token_ids for h in three.hypotheses}


def test_a_forced_beginning_is_where_the_output_starts() -> None:
    wanted = GenerationParams(max_new_tokens=4, target_prefix_ids=(4, 8), return_scores=True)
    (hypothesis,) = answer(make_engine(rules=NEVER), make_prompt(), wanted).hypotheses
    assert hypothesis.token_ids[:2] == (4, 8)
    assert len(hypothesis.token_ids) == 6
    assert hypothesis.num_generated == 4


def test_what_follows_a_forced_beginning_is_what_would_have_followed_it() -> None:
    whole = answer(make_engine(), make_prompt(), GenerationParams(max_new_tokens=6))
    token_ids = whole.hypotheses[0].token_ids
    assert len(token_ids) > 2
    wanted = GenerationParams(max_new_tokens=4, target_prefix_ids=token_ids[:2])
    assert answer(make_engine(), make_prompt(), wanted).hypotheses[0].token_ids == token_ids


@pytest.mark.parametrize("params", [{}, {"num_beams": 3, "num_return": 3}, {"seed": 1}], ids=str)
def test_first_and_last_tokens_are_forced_for_every_kind_of_search(params: dict[str, Any]) -> None:
    """Beams must spread again after the first token, which all of them share."""
    rules = make_rules(suppressed_ids=(EOS, START), forced_bos_id=5, forced_eos_id=EOS)
    wanted = GenerationParams(max_new_tokens=5, return_scores=True, **params)
    output = answer(make_engine(rules=rules), make_prompt(), wanted)
    assert output.finish_reason is FinishReason.LENGTH
    assert len({h.token_ids for h in output.hypotheses}) == wanted.num_return
    for hypothesis in output.hypotheses:
        assert hypothesis.token_ids[0] == 5
        assert len(hypothesis.token_ids) == 4  # the fifth is the forced end
        assert hypothesis.num_generated == 5


def test_a_forced_first_token_precedes_a_forced_beginning_and_is_hidden() -> None:
    rules = make_rules(suppressed_ids=(EOS, START), forced_bos_id=5)
    wanted = GenerationParams(max_new_tokens=3, target_prefix_ids=(4,))
    forced = answer(make_engine(rules=rules), make_prompt(), wanted)
    by_hand = answer(make_engine(rules=NEVER), make_prompt(prefix=(START, 5)), wanted)
    assert_same(forced, by_hand)


def test_a_finished_request_tells_where_its_time_went() -> None:
    clock = FakeClock()
    engine = make_engine(rules=NEVER, clock=clock)
    add(engine, "a", max_new_tokens=2)
    clock.advance(5.0)
    engine.step()
    clock.advance(1.0)
    (output,) = engine.step()
    assert output.timing is not None
    assert output.timing.queue_s == 5.0
    assert output.timing.time_to_first_token_s == 5.0
    assert output.timing.inference_s == 1.0


# Who leaves early


def test_a_deadline_ends_a_running_request_and_a_waiting_one() -> None:
    clock = FakeClock()
    engine = make_engine(rules=NEVER, max_rows=1, clock=clock)
    add(engine, "running", deadline_s=10.0)
    add(engine, "waiting", deadline_s=10.0)
    assert len(engine.step()) == 1
    clock.advance(10.0)
    ended = {output.request_id: output for output in engine.step()}
    assert set(ended) == {"running", "waiting"}
    for output in ended.values():
        assert output.finish_reason is FinishReason.DEADLINE
        assert output.hypotheses == ()
        assert output.timing is not None
    assert ended["waiting"].timing is not None
    assert ended["waiting"].timing.time_to_first_token_s is None
    assert_empty(engine)


def test_a_place_left_by_a_deadline_is_taken_in_the_same_step() -> None:
    clock = FakeClock()
    engine = make_engine(rules=NEVER, max_rows=1, clock=clock)
    add(engine, "late", deadline_s=1.0)
    add(engine, "next")
    engine.step()
    clock.advance(1.0)
    assert [output.request_id for output in engine.step()] == ["late", "next"]


@pytest.mark.parametrize("params", [{}, {"num_beams": 3}, {"seed": 1, "num_return": 2}], ids=str)
@pytest.mark.parametrize("steps", [0, 1, 3])
def test_an_aborted_request_frees_its_rows_at_once(params: dict[str, Any], steps: int) -> None:
    engine = make_engine(rules=NEVER)
    add(engine, "a", **params)
    for _ in range(steps):
        engine.step()
    engine.abort("a")
    assert_empty(engine)
    assert engine.step() == []


def test_aborting_an_unknown_request_is_no_error() -> None:
    engine = make_engine()
    engine.abort("unknown")
    add(engine, "a", max_new_tokens=1)
    drain(engine)
    engine.abort("a")
    assert_empty(engine)


def test_an_interactive_request_overtakes_a_bulk_one() -> None:
    engine = make_engine(rules=NEVER, max_rows=1)
    add(engine, "bulk", priority=Priority.BULK, max_new_tokens=1)
    add(engine, "interactive", max_new_tokens=1)
    assert [output.request_id for output in engine.step()] == ["interactive"]


# What is refused


def test_a_name_in_use_is_refused_and_free_again_afterwards() -> None:
    engine = make_engine()
    add(engine, "a", max_new_tokens=1)
    with pytest.raises(InvalidParamsError, match="request_id: 'a' is in use"):
        add(engine, "a")
    drain(engine)
    add(engine, "a", max_new_tokens=1)
    assert len(drain(engine)["a"]) == 1


def test_a_request_of_the_same_name_and_place_is_answered_anew() -> None:
    """Sources were once identified by request id and slot; the second request read the first's."""
    engine = make_engine()
    for length in (4, 9, 6):
        wanted = GenerationParams(max_new_tokens=6, return_scores=True)
        again = answer(engine, make_prompt(length=length), wanted)
        fresh = answer(make_engine(), make_prompt(length=length), wanted)
        assert_same(again, fresh)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"num_beams": 5}, "num_beams: 5 is above the 4 rows of the cache"),
        ({"num_return": 5, "seed": 1}, "num_return: 5 is above the 4 rows of the cache"),
        ({"max_new_tokens": 48}, "max_new_tokens: 48 is above the 47 this model can write"),
        ({"target_prefix_ids": (99,)}, "target_prefix_ids: token 99 is not between 0 and 23"),
    ],
)
def test_what_can_never_be_done_is_refused_and_leaves_no_trace(
    params: dict[str, Any], message: str
) -> None:
    engine = make_engine(max_rows=4)
    with pytest.raises(InvalidParamsError, match=message):
        add(engine, "a", **params)
    assert_empty(engine)


def test_a_source_longer_than_the_model_reads_is_refused() -> None:
    with pytest.raises(InputTooLongError, match="49 tokens; this model reads at most 48"):
        add(make_engine(), "a", length=49)


def test_a_refused_request_leaves_no_trace_when_the_queue_is_full() -> None:
    engine = make_engine(max_waiting=1)
    add(engine, "a", max_new_tokens=1)
    with pytest.raises(QueueFullError):
        add(engine, "b", seed=1)
    engine.check_invariants()
    assert set(drain(engine)) == {"a"}
    assert_empty(engine)


def test_an_engine_with_rules_about_unknown_tokens_is_not_built() -> None:
    with pytest.raises(ConfigError, match="forced_bos_id: token 24"):
        make_engine(rules=make_rules(forced_bos_id=24))
