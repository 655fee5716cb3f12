"""From the logits of a step to what each search is given."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from model.config import Stack
from model.engine.choosing.chooser import Chooser
from model.engine.choosing.sampler import Sampler
from model.engine.request import Request
from model.engine.runners.output_head import OutputHead, TorchScores
from model.engine.search.beam_search import BeamSearch
from model.engine.search.search import Candidate, IndependentSearch
from tests.support.engine.factories import (
    EOS,
    make_config,
    make_network,
    make_request,
    make_rules,
    make_search_config,
)

RULES = make_rules(suppressed_ids=(5,))  # where the vocabulary is 6


def greedy(request_id: str, **params: Any) -> Request:
    request = make_request(request_id, **params)
    config = make_search_config(prefix_ids=(5,))
    request.search = IndependentSearch(config, num_hypotheses=request.params.num_rows)
    return request


def place(*requests: Request) -> list[Request]:
    """Gives the requests the first rows, in order."""
    row = 0
    for request in requests:
        request.rows = list(range(row, row + request.params.num_rows))
        row += request.params.num_rows
    return list(requests)


def beams(request_id: str, *, num_beams: int = 2, **params: Any) -> Request:
    request = make_request(request_id, num_beams=num_beams, **params)
    request.search = BeamSearch(
        make_search_config(prefix_ids=(5,)),
        num_beams=num_beams,
        num_return=1,
        length_penalty=1.0,
        early_stopping=False,
    )
    return request


def scores_of(logits: Tensor) -> TorchScores:
    """Of a network whose hidden states are its logits; logits: (rows, 6)."""
    stack = Stack(num_layers=1, num_heads=1, d_ff=1)
    config = make_config(
        vocab_size=6, d_model=6, encoder=stack, decoder=stack, output_bias=False, tied_output=False
    )
    network = make_network(config=config, dtype=logits.dtype)
    network.output_weight.copy_(torch.eye(6))
    return TorchScores(OutputHead(network, RULES), logits)


def make_logits(*rows: list[float]) -> Tensor:
    return torch.tensor(rows)


def choose(
    logits: Tensor, *requests: Request, samplers: Mapping[str, Sampler] | None = None
) -> list[list[list[tuple[int, float]]]]:
    found = Chooser(RULES).choose(scores_of(logits), place(*requests), samplers or {})
    return [
        [[(token_id, log_prob) for token_id, log_prob in row] for row in rows] for rows in found
    ]


RISING = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
FALLING = RISING[::-1]


def test_greedy_takes_the_best_token_that_is_not_suppressed() -> None:
    assert choose(make_logits(RISING, FALLING), greedy("a"), greedy("b")) == [
        [[(4, 0.0)]],
        [[(0, 0.0)]],
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_a_score_is_the_log_probability_before_anything_was_suppressed(dtype: torch.dtype) -> None:
    ((((token_id, log_prob),),),) = choose(
        make_logits(RISING).to(dtype), greedy("a", return_scores=True)
    )
    expected = torch.tensor(RISING).log_softmax(0)[4]
    assert token_id == 4
    assert log_prob == pytest.approx(float(expected))


def test_a_score_that_was_not_requested_is_0_in_any_batch() -> None:
    logits = make_logits(RISING, RISING)
    first, _ = choose(logits, greedy("a"), greedy("b", return_scores=True))
    assert first == [[(4, 0.0)]]


def test_a_beam_gets_its_best_continuations_best_first() -> None:
    (found,) = choose(make_logits(RISING, FALLING), beams("a"))
    expected = torch.tensor(RISING).log_softmax(0)
    assert [token_id for token_id, _ in found[0]] == [4, 3, 2, 1]
    assert [log_prob for _, log_prob in found[0]] == pytest.approx(
        [float(expected[token_id]) for token_id in (4, 3, 2, 1)]
    )


def test_searches_of_different_widths_each_get_what_they_want() -> None:
    wide, narrow = choose(make_logits(*[RISING] * 5), beams("a", num_beams=3), beams("b"))
    assert [len(row) for row in wide] == [5, 5, 5]  # six are wanted, one is suppressed
    assert [len(row) for row in narrow] == [4, 4]


def test_the_rules_of_a_request_touch_only_its_own_rows() -> None:
    plain, ruled = greedy("a"), greedy("b", no_repeat_ngram_size=1, return_scores=True)
    for request in (plain, ruled):
        request.search.advance([[Candidate(4, 0.0)]])
    (first,), (second,) = choose(make_logits(RISING, RISING), plain, ruled)
    assert (first[0][0], second[0][0]) == (4, 3)
    assert second[0][1] == pytest.approx(float(torch.tensor(RISING).log_softmax(0)[3]))


def test_the_rules_of_a_beam_search_edit_log_probabilities() -> None:
    """These are negative, so a penalty above 1 multiplies them; positive logits it divides."""
    search = beams("a", repetition_penalty=2.0)
    search.search.advance([[Candidate(4, 0.0), Candidate(3, -1.0)], []])
    first, second = choose(make_logits(RISING, RISING), search)[0]
    expected = torch.tensor(RISING).log_softmax(0)
    assert dict(first)[4] == pytest.approx(float(expected[4]) * 2)
    assert dict(second)[3] == pytest.approx(float(expected[3]) * 2)


def test_each_living_sample_draws_from_its_own_stream() -> None:
    """After the first sample has ended, the second goes on with the numbers it always had."""
    scores = scores_of(make_logits([0.0] * 6, [0.0] * 6))
    chooser, drawn = Chooser(RULES), []
    for first_token in (EOS, 1):
        request = greedy("a", seed=3, num_return=2)
        sampler = Sampler(request.params)
        request.search.advance([[Candidate(first_token, 0.0)], [Candidate(1, 0.0)]])
        tokens = []
        for _ in range(20):
            request.rows = list(range(len(request.search.sequences)))
            (rows,) = chooser.choose(scores, [request], {"a": sampler})
            tokens.append(rows[-1][0][0])
        drawn.append(tokens)
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("bad", [-math.inf, math.nan, math.inf])
@pytest.mark.parametrize(
    "params",
    [{}, {"return_scores": True}, {"repetition_penalty": 1.5}, {"seed": 1}],
    ids=["plain", "scored", "ruled", "sampled"],
)
def test_where_no_token_is_possible_there_is_none(bad: float, params: dict[str, Any]) -> None:
    request = greedy("a", **params)
    logits = make_logits([bad] * 6, RISING)
    samplers = {"a": Sampler(request.params)} if request.params.do_sample else {}
    none, one = choose(logits, request, greedy("b"), samplers=samplers)
    assert none == [[]]
    assert one == [[(4, 0.0)]]


@pytest.mark.parametrize("bad", [-math.inf, math.nan])
def test_a_beam_without_a_possible_token_gets_none_and_the_other_its_own(bad: float) -> None:
    search = beams("a")
    search.search.advance([[Candidate(4, -1.0), Candidate(3, -2.5)], []])
    (found,) = choose(make_logits([bad] * 6, RISING), search)
    assert [len(row) for row in found] == [0, 4]


def test_a_search_may_want_more_continuations_than_there_are_tokens() -> None:
    (found,) = choose(make_logits(*[RISING] * 8), beams("a", num_beams=8))
    assert [len(row) for row in found] == [5] * 8
