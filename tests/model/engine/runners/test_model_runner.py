"""A batch becomes tensors, goes through the network and comes back as hidden states."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from model.engine.batch import Batch
from model.engine.request import Request
from model.engine.runners.model_runner import MAX_PADDING_RATIO, ModelRunner, _similar_lengths
from model.engine.runners.output_head import TorchScores
from model.engine.search.search import Candidate, IndependentSearch
from model.errors import ConfigError
from model.transformer.seq2seq import Seq2SeqTransformer
from tests.support.engine.factories import (
    START,
    make_engine_config,
    make_network,
    make_prompt,
    make_request,
    make_rules,
    make_search_config,
)


def make_runner(*, network: Seq2SeqTransformer | None = None, **limits: Any) -> ModelRunner:
    network = network or make_network()
    config = make_engine_config(**limits)
    return ModelRunner(network, make_rules(), config, cache_dtype=torch.float32)


def placed(
    request_id: str, *, row: int, length: int = 5, prefix: tuple[int, ...] = (START,)
) -> Request:
    """A greedy request that was given a row, and the source memory of the same number."""
    request = make_request(request_id, length=length)
    request.prompt = make_prompt(length=length, seed=row, prefix=prefix)
    request.search = IndependentSearch(
        make_search_config(prefix_ids=prefix, num_prompt_ids=len(prefix))
    )
    request.rows, request.slot = [row], row
    return request


def step(runner: ModelRunner, requests: Sequence[Request], **batch: Any) -> Tensor | None:
    scores = runner.run(Batch(decode=requests, **batch)).scores
    for request in requests:
        request.num_computed += 1
    return scores.hidden if isinstance(scores, TorchScores) else None


def expected(network: Seq2SeqTransformer, request: Request) -> Tensor:
    encoder_ids = torch.tensor([request.prompt.encoder_ids])
    return network.decode_hidden(encoder_ids, torch.tensor(request.search.sequences))[0, -1]


def test_hidden_states_are_those_of_a_full_forward_for_every_row() -> None:
    network = make_network()
    runner = make_runner(network=network)
    requests = [placed("a", row=1, length=9), placed("b", row=0, length=2)]
    for token_id in (4, 7, 1):
        hidden = step(runner, requests, encode=requests if token_id == 4 else [])
        assert hidden is not None
        for request in requests:
            torch.testing.assert_close(hidden[request.rows[0]], expected(network, request))
            request.search.advance([[Candidate(token_id, 0.0)]])


def test_there_are_no_scores_while_all_requests_read_a_prefix() -> None:
    runner = make_runner()
    request = placed("a", row=0, prefix=(START, 7, 8))
    found = [step(runner, [request], encode=[request]), step(runner, [request])]
    assert found == [None, None]
    assert step(runner, [request]) is not None


def test_a_step_without_requests_computes_nothing() -> None:
    assert make_runner().run(Batch()).scores is None


def test_moved_rows_and_sources_go_on_where_they_were() -> None:
    network = make_network()
    runner = make_runner(network=network)
    requests = [placed("a", row=0, length=3), placed("b", row=1, length=4)]
    step(runner, requests, encode=requests)
    survivor = requests[1]
    survivor.search.advance([[Candidate(4, 0.0)]])
    survivor.rows, survivor.slot = [0], 0
    hidden = step(runner, [survivor], row_moves=[(1, 0)], slot_moves=[(1, 0)])
    assert hidden is not None
    torch.testing.assert_close(hidden[0], expected(network, survivor))


def test_a_later_request_of_the_same_name_and_place_is_another_request() -> None:
    """The sources were once recognised by request id, so the second request read the first's."""
    network = make_network()
    runner = make_runner(network=network)
    for length in (3, 9, 4):
        request = placed("a", row=0, length=length)
        hidden = step(runner, [request], encode=[request])
        assert hidden is not None
        torch.testing.assert_close(hidden[0], expected(network, request))


def test_sources_of_similar_length_are_encoded_together() -> None:
    requests = [make_request(str(n), length=n) for n in (30, 10, 3, 12, 13, 14)]
    groups = [[r.num_source_tokens for r in group] for group in _similar_lengths(requests)]
    assert groups == [[3], [10, 12, 13], [14], [30]]
    assert all(max(group) <= min(group) * MAX_PADDING_RATIO for group in groups)


def test_there_are_as_many_rows_as_the_budget_allows() -> None:
    bytes_per_row = 96 * 2 * 2 * 16 * 4
    assert make_runner(kv_cache_bytes=3 * bytes_per_row + 1).num_rows == 3
    with pytest.raises(ConfigError, match=f"{bytes_per_row - 1} is below the {bytes_per_row}"):
        make_runner(kv_cache_bytes=bytes_per_row - 1)
