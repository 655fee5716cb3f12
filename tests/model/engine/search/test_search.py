"""Independent hypotheses: each takes the token it is given, ends, and is ranked."""

from typing import Any

import pytest

from model.engine.params import FinishReason
from model.engine.search.search import Candidate, IndependentSearch
from tests.support.engine.factories import EOS, make_search_config


def make_search(*, num_hypotheses: int = 1, **config: Any) -> IndependentSearch:
    return IndependentSearch(make_search_config(**config), num_hypotheses=num_hypotheses)


def advance(search: IndependentSearch, *choices: tuple[int, float]) -> list[int]:
    """One step in which hypothesis i is given the i-th token and log-probability."""
    return search.advance([[Candidate(*choice)] for choice in choices])


def test_a_hypothesis_ends_with_the_end_of_sentence_which_is_no_part_of_it() -> None:
    search = make_search()
    assert advance(search, (5, -0.5)) == [0]
    assert advance(search, (EOS, -0.25)) == []
    (found,) = search.finished()
    assert found.token_ids == (5,)
    assert found.finish_reason is FinishReason.STOP
    assert (found.num_generated, found.log_prob, found.score) == (2, -0.75, -0.375)


def test_a_hypothesis_is_cut_at_the_allowed_length() -> None:
    search = make_search(max_new_tokens=2)
    advance(search, (5, 0.0))
    assert advance(search, (6, 0.0)) == []
    assert search.finished()[0].token_ids == (5, 6)
    assert search.finished()[0].finish_reason is FinishReason.LENGTH


@pytest.mark.parametrize(
    ("config", "reason"),
    [({}, FinishReason.STOP), ({"forces_end": True}, FinishReason.LENGTH)],
    ids=["its own", "forced"],
)
def test_an_end_at_the_last_place_is_the_model_s_own_unless_it_is_forced(
    config: dict[str, bool], reason: FinishReason
) -> None:
    search = make_search(max_new_tokens=1, **config)
    advance(search, (EOS, 0.0))
    assert search.finished()[0].finish_reason is reason


def test_a_forced_beginning_is_output_but_the_hidden_prefix_is_not() -> None:
    search = make_search(prefix_ids=(9, 8, 4), num_prompt_ids=2)
    advance(search, (5, -1.0))
    advance(search, (EOS, -1.0))
    (found,) = search.finished()
    assert found.token_ids == (4, 5)
    assert found.num_generated == 2


def test_any_of_several_ends_will_do() -> None:
    search = make_search(eos_ids=frozenset([EOS, 7]))
    assert advance(search, (7, 0.0)) == []
    assert search.finished()[0].token_ids == ()


def test_those_that_go_on_name_the_hypothesis_they_were() -> None:
    search = make_search(num_hypotheses=3)
    assert advance(search, (1, 0.0), (EOS, 0.0), (3, 0.0)) == [0, 2]
    assert list(search.live_indices) == [0, 2]
    assert advance(search, (EOS, 0.0), (4, 0.0)) == [1]
    assert list(search.live_indices) == [2]
    assert search.sequences == [[9, 3, 4]]


def test_finished_hypotheses_come_best_mean_first() -> None:
    search = make_search(num_hypotheses=3)
    advance(search, (1, -1.0), (EOS, -0.8), (3, -0.1))
    advance(search, (EOS, -0.2), (EOS, -0.5))
    assert [h.token_ids for h in search.finished()] == [(3,), (1,), ()]
    assert [h.score for h in search.finished()] == pytest.approx([-0.3, -0.6, -0.8])


def test_equals_keep_the_order_of_their_seeds() -> None:
    search = make_search(num_hypotheses=2, max_new_tokens=2)
    advance(search, (1, 0.0), (EOS, 0.0))
    advance(search, (2, 0.0))
    assert [h.token_ids for h in search.finished()] == [(1, 2), ()]


def test_a_hypothesis_without_a_continuation_dies_and_the_others_go_on() -> None:
    search = make_search(num_hypotheses=2)
    assert search.advance([[], [Candidate(5, -1.0)]]) == [1]
    assert advance(search, (EOS, -1.0)) == []
    assert [h.token_ids for h in search.finished()] == [(5,)]


def test_where_nothing_can_follow_nothing_is_found() -> None:
    search = make_search()
    assert search.advance([[]]) == []
    assert search.finished() == ()
