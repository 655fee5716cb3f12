"""The parts of a request's time."""

import pytest

from model.engine.request import Timing
from tests.support.engine.factories import make_request


def test_a_finished_request_had_a_queue_and_an_inference() -> None:
    request = make_request()
    request.arrival_s, request.admitted_s, request.first_token_s = 1.0, 3.0, 4.0
    assert Timing.of(request, 9.0) == Timing(
        queue_s=2.0, inference_s=6.0, time_to_first_token_s=3.0
    )


def test_a_request_that_never_left_the_queue_spent_all_its_time_there() -> None:
    request = make_request()
    request.arrival_s = 1.0
    assert Timing.of(request, 9.0) == Timing(
        queue_s=8.0, inference_s=0.0, time_to_first_token_s=None
    )


def test_a_request_that_lost_its_slot_is_not_computed_with_another_source() -> None:
    request = make_request("a")
    with pytest.raises(RuntimeError, match="request 'a' is computed without a slot"):
        _ = request.running_slot
    request.slot = 0
    assert request.running_slot == 0


def test_the_next_token_is_known_until_the_prefix_is_read() -> None:
    request = make_request(num_return=2, seed=0)
    wanted = []
    for num_computed in range(2):
        request.num_computed = num_computed
        wanted.append(request.wants_logits)
    assert wanted == [True, False]  # the prefix is one token
    assert request.num_source_tokens == 5
