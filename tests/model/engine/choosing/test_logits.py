"""Token rules, on scores and sequences written by hand."""

import math
from typing import Any

import pytest
import torch

from model.engine.choosing.logits import (
    apply_token_rules,
    banned_by_ngrams,
    forced_token,
    has_token_rules,
    penalize_repetition,
)
from model.engine.params import GenerationParams
from model.engine.search.search import Candidate, IndependentSearch
from tests.support.engine.factories import EOS, make_rules, make_search_config


def test_used_tokens_lose_whichever_sign_their_scores_have() -> None:
    scores = torch.tensor([1.0, -1.0, 2.0, -math.inf])
    penalize_repetition(scores, [0, 1, 1, 3], penalty=2.0)
    assert scores.tolist() == [0.5, -2.0, 2.0, -math.inf]


@pytest.mark.parametrize(
    ("sequence", "ngram_size", "banned"),
    [
        ([5, 6, 7, 5, 6], 3, [7]),
        ([5, 6, 5, 7, 5], 2, [6, 7]),
        ([5, 6, 7], 1, [5, 6, 7]),
        ([5, 6, 7, 8], 2, []),
        ([5, 5], 3, []),
        ([5], 3, []),
        ([5], 2, []),
        ([], 2, []),
    ],
)
def test_tokens_that_would_repeat_an_ngram_are_banned(
    sequence: list[int], ngram_size: int, banned: list[int]
) -> None:
    assert sorted(banned_by_ngrams(sequence, ngram_size=ngram_size)) == banned


def test_a_request_s_rules_change_its_scores_in_place() -> None:
    scores = torch.ones(4)
    params = GenerationParams(repetition_penalty=2.0, no_repeat_ngram_size=2)
    apply_token_rules(scores, [1, 2, 1], params)
    assert scores.tolist() == [1.0, 0.5, -math.inf, 1.0]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (GenerationParams(), False),
        (GenerationParams(repetition_penalty=1.1), True),
        (GenerationParams(no_repeat_ngram_size=1), True),
        (GenerationParams(max_repeats=3), True),
        (GenerationParams(max_repeats=7), False),
    ],
)
def test_only_requests_whose_rules_may_bite_are_looked_at(
    params: GenerationParams, *, expected: bool
) -> None:
    sequence = [2, *[1] * 6]
    assert has_token_rules([[1, 2, 3], sequence], params) is expected
    scores = torch.ones(4)
    apply_token_rules(scores, sequence, params)
    assert (scores.tolist() != [1.0] * 4) is expected


def test_the_token_that_a_loop_would_go_on_with_is_hidden() -> None:
    scores = torch.ones(4)
    params = GenerationParams(max_repeats=3, no_repeat_ngram_size=7)
    apply_token_rules(scores, [3, *[1] * 6], params)
    assert scores.tolist() == [1.0, -math.inf, 1.0, 1.0]


def search_after(*token_ids: int, **config: Any) -> IndependentSearch:
    search = IndependentSearch(make_search_config(**{"max_new_tokens": 3, **config}))
    for token_id in token_ids:
        search.advance([[Candidate(token_id, 0.0)]])
    return search


def test_the_first_and_the_last_token_are_forced_and_no_other() -> None:
    rules = make_rules(forced_eos_id=EOS)
    assert forced_token(search_after(forced_bos_id=5), rules) == 5
    assert forced_token(search_after(5, forced_bos_id=5), rules) is None
    assert forced_token(search_after(5, 6, forced_bos_id=5), rules) == EOS


def test_nothing_is_forced_without_such_rules() -> None:
    assert forced_token(search_after(), make_rules()) is None
    assert forced_token(search_after(5, 6), make_rules()) is None


def test_a_forced_first_token_is_only_the_one_after_the_start_token() -> None:
    search = search_after(prefix_ids=(9, 7), num_prompt_ids=2, forced_bos_id=5)
    assert forced_token(search, make_rules()) is None


def test_where_first_and_last_are_one_the_end_is_forced() -> None:
    rules = make_rules(forced_eos_id=EOS)
    assert forced_token(search_after(max_new_tokens=1, forced_bos_id=5), rules) == EOS
