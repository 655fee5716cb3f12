"""Beam search on numbers written by hand."""

import math
from typing import Any

import pytest

from model.engine.params import FinishReason
from model.engine.search.beam_search import BeamSearch
from model.engine.search.search import Candidate
from tests.support.engine.factories import EOS, make_search_config

Choices = list[tuple[int, float]]  # token and log-probability


def make_beams(
    *, num_beams: int = 2, config: dict[str, Any] | None = None, **options: Any
) -> BeamSearch:
    defaults = {"num_return": num_beams, "length_penalty": 1.0, "early_stopping": False}
    return BeamSearch(
        make_search_config(**(config or {})), num_beams=num_beams, **{**defaults, **options}
    )


def advance(search: BeamSearch, *choices: Choices) -> list[int]:
    """One step; beams beyond the given ones have no continuation."""
    missing = len(search.sequences) - len(choices)
    per_beam: list[Choices] = [*choices, *([] for _ in range(missing))]
    return search.advance([[Candidate(*choice) for choice in row] for row in per_beam])


def test_at_first_all_beams_are_one_and_only_one_speaks() -> None:
    search = make_beams()
    same: Choices = [(1, -0.1), (2, -2.0), (3, -3.0), (4, -4.0)]
    assert advance(search, same, same) == [0, 0]
    assert list(search.sequences) == [(9, 1), (9, 2)]


def test_the_best_continuations_over_all_beams_live_on() -> None:
    search = make_beams()
    advance(search, [(1, -0.5), (2, -1.0)])
    parents = advance(search, [(3, -2.0), (4, -3.0)], [(5, -0.1), (6, -0.2)])
    assert parents == [1, 1]
    assert list(search.sequences) == [(9, 2, 5), (9, 2, 6)]


def test_a_beam_that_ends_is_finished_and_another_takes_its_place() -> None:
    search = make_beams()
    assert advance(search, [(EOS, -0.1), (1, -1.0), (2, -2.0), (3, -3.0)]) == [0, 0]
    assert list(search.sequences) == [(9, 1), (9, 2)]
    assert [h.token_ids for h in search.finished()] == [()]


def test_an_end_that_is_not_among_the_best_does_not_count() -> None:
    search = make_beams()
    advance(search, [(1, -0.1), (2, -0.2), (EOS, -0.3), (3, -0.4)])
    assert search.finished() == ()


def test_finished_hypotheses_are_ranked_by_log_probability_over_length_to_the_penalty() -> None:
    search = make_beams(length_penalty=2.0, config={"max_new_tokens": 3})
    advance(search, [(EOS, -1.0), (1, -1.5), (2, -9.0), (3, -9.0)])
    advance(search, [(EOS, -0.5), (4, -7.0), (5, -8.0), (6, -9.0)])
    long, short = search.finished()
    assert (long.token_ids, short.token_ids) == ((1,), ())
    assert long.rank == pytest.approx(-2.0 / 2**2)
    assert short.rank == pytest.approx(-1.0)
    assert [long.log_prob, long.score] == pytest.approx([-2.0, -1.0])


@pytest.mark.parametrize(("length_penalty", "best"), [(0.0, ()), (1.0, (1,)), (-1.0, ())])
def test_the_length_penalty_decides_between_short_and_long(
    length_penalty: float, best: tuple[int, ...]
) -> None:
    search = make_beams(length_penalty=length_penalty, config={"max_new_tokens": 2})
    advance(search, [(EOS, -1.0), (1, -1.1), (2, -9.0), (3, -9.0)])
    advance(search, [(EOS, -0.1), (4, -9.0), (5, -9.0), (6, -9.0)])
    assert search.finished()[0].token_ids == best


def finish_two(search: BeamSearch) -> list[int]:
    """Two finished hypotheses of rank -1.0 and -1.1 while a beam of -1.6 lives after two tokens."""
    advance(search, [(EOS, -1.0), (1, -1.2), (2, -1.5), (3, -9.0)])
    return advance(search, [(EOS, -1.0), (4, -5.0)], [(5, -0.1), (6, -1.0)])


def test_early_stopping_ends_once_there_are_as_many_as_beams() -> None:
    assert finish_two(make_beams(early_stopping=True)) == []


def test_otherwise_it_goes_on_while_a_live_beam_is_better_as_it_stands() -> None:
    """-1.6 / 2 = -0.8 beats the worst finished one, (-1.2 - 1.0) / 2 = -1.1."""
    assert finish_two(make_beams(early_stopping=False)) != []


def test_it_ends_when_no_live_beam_is_better_as_it_stands() -> None:
    search = make_beams(early_stopping=False)
    advance(search, [(EOS, -1.0), (1, -1.2), (2, -1.5), (3, -9.0)])
    assert advance(search, [(EOS, -1.0), (4, -5.0)], [(5, -0.8), (6, -0.9)]) == []


def test_never_goes_on_while_a_live_beam_could_still_become_better() -> None:
    """-2.3 / 2 is below -1.1, but -2.3 / 4, after two certain tokens more, is not."""
    search = make_beams(early_stopping="never", length_penalty=1.0)
    advance(search, [(EOS, -1.0), (1, -1.2), (2, -1.5), (3, -9.0)])
    assert advance(search, [(EOS, -1.0), (4, -5.0)], [(5, -0.8), (6, -0.9)]) != []


def test_never_with_a_penalty_on_length_ends_like_the_default() -> None:
    search = make_beams(early_stopping="never", length_penalty=-1.0)
    advance(search, [(EOS, -1.0), (1, -1.2), (2, -1.5), (3, -9.0)])
    assert advance(search, [(EOS, -1.0), (4, -5.0)], [(5, -0.8), (6, -0.9)]) == []


def test_at_the_allowed_length_the_best_beams_are_cut() -> None:
    search = make_beams(config={"max_new_tokens": 1})
    assert advance(search, [(1, -0.1), (EOS, -0.2), (2, -0.3), (3, -0.4)]) == []
    cut, ended = search.finished()
    assert (cut.token_ids, cut.finish_reason) == ((1,), FinishReason.LENGTH)
    assert (ended.token_ids, ended.finish_reason) == ((), FinishReason.STOP)


def test_only_as_many_as_asked_for_are_returned() -> None:
    search = make_beams(num_beams=3, num_return=2, config={"max_new_tokens": 1})
    advance(search, [(1, -0.1), (2, -0.2), (3, -0.3), (4, -0.4)])
    assert [h.token_ids for h in search.finished()] == [(1,), (2,)]


def test_enough_candidates_are_asked_for_that_all_beams_survive_any_end() -> None:
    assert make_beams(num_beams=3).num_candidates == 6
    ends = {"eos_ids": frozenset([EOS, 1, 2])}
    search = make_beams(num_beams=2, config=ends)
    assert search.num_candidates == 8
    assert advance(search, [(EOS, -0.1), (5, -0.2), (1, -0.3), (2, -0.4), (6, -5.0)]) == [0, 0]
    assert list(search.sequences) == [(9, 5), (9, 6)]


def test_after_a_token_without_alternative_the_beams_spread_again() -> None:
    """A forced first token leaves one continuation; all beams must still be there afterwards."""
    search = make_beams(num_beams=3)
    assert advance(search, *([(5, 0.0)] for _ in range(3))) == [0, 0, 0]
    best: Choices = [(1, -0.1), (2, -0.2), (3, -0.3)]
    assert advance(search, best, best, best) == [0, 0, 0]
    assert list(search.sequences) == [(9, 5, 1), (9, 5, 2), (9, 5, 3)]


@pytest.mark.parametrize("impossible", [-math.inf, math.nan])
def test_what_is_impossible_never_becomes_a_hypothesis(impossible: float) -> None:
    search = make_beams(config={"max_new_tokens": 1})
    advance(search, [(1, impossible), (EOS, impossible), (2, -0.5)])
    assert [h.token_ids for h in search.finished()] == [(2,)]


def test_where_nothing_can_follow_nothing_is_found() -> None:
    search = make_beams()
    advance(search, [(1, -0.5), (2, -1.0)])
    assert advance(search, [], []) == []
    assert search.finished() == ()
