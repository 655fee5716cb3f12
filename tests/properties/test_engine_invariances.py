"""For any mix of requests: the batch decides when an answer comes, never what it is."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from model.engine.batch import Batch
from model.engine.cache import kv_cache
from model.engine.config import TokenRules
from model.engine.params import FinishReason, GenerationParams, Priority
from model.engine.request import RequestOutput
from model.engine.runner import RunnerOutput
from model.engine.runners.model_runner import ModelRunner
from model.engine.runners.output_head import TorchScores
from model.engine.search import repetition
from model.engine.search.beam_search import BeamSearch
from model.engine.search.search import Candidate, Hypothesis, Search, SearchConfig
from model.tokenizer.prompt import Prompt
from model.transformer.seq2seq import Seq2SeqTransformer
from tests.support.engine.clocks import FakeClock
from tests.support.engine.factories import (
    EOS,
    START,
    KeepingRunner,
    answer,
    make_engine,
    make_rules,
)
from tests.support.engine.jobs import (
    Job,
    alone,
    jobs,
    networks,
    parameters,
    prompts,
    rules,
    run_together,
    unshrunk,
)

NO_RULES: dict[str, Any] = {
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "max_repeats": 0,
}

Step = tuple[Prompt, tuple[int, ...], Tensor]  # what a row had read and written, and its state


@pytest.fixture(autouse=True, scope="module")
def _small_limits() -> Iterator[None]:
    """Make tables grow and repetitions count from the first tokens on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kv_cache, "FIRST_CAPACITY", 2)
        patch.setattr(repetition, "SHORT_RUN", 1)
        yield


class RecordingRunner:
    """A model runner that records each sequence with its hidden state."""

    runs_ahead = False

    def __init__(self, runner: ModelRunner) -> None:
        self._runner = runner
        self.num_rows, self.num_blocks = runner.num_rows, runner.num_blocks
        self.copy_rows = runner.copy_rows
        self.release = runner.release
        self.scrub = runner.scrub
        self.trim = runner.trim
        self.steps: list[Step] = []

    def run(self, batch: Batch, *, seconds: float = 0.0) -> RunnerOutput:
        progress = self._runner.run(batch, seconds=seconds)
        scores = progress.scores
        if isinstance(scores, TorchScores):
            for request in batch.decode:
                for row, sequence in zip(request.rows, request.search.sequences, strict=True):
                    read = tuple(sequence[: request.num_computed + 1])
                    self.steps.append((request.prompt, read, scores.hidden[row].clone()))
        return progress


def full_forward(network: Seq2SeqTransformer, prompt: Prompt, sequence: Sequence[int]) -> Tensor:
    """Return logits after every position of a sequence, (length, vocab), without cache or batch."""
    logits: Tensor = network(torch.tensor([prompt.encoder_ids]), torch.tensor([sequence]))
    return logits[0]


def same_answer(one: RequestOutput, other: RequestOutput) -> None:
    assert one.finish_reason == other.finish_reason
    assert [h.token_ids for h in one.hypotheses] == [h.token_ids for h in other.hypotheses]
    scores = [h.log_prob for h in other.hypotheses]
    assert [h.log_prob for h in one.hypotheses] == pytest.approx(scores, abs=1e-4)


@unshrunk
@given(networks, rules, jobs(abortable=True), st.integers(4, 9))
def test_a_request_gets_the_same_answer_alone_and_in_company(
    network: Seq2SeqTransformer, token_rules: TokenRules, todo: list[Job], max_rows: int
) -> None:
    """Rows are few, so that requests queue, and rows of finished requests are refilled by moves."""
    engine = make_engine(
        network=network, rules=token_rules, max_rows=max_rows, max_encode_tokens=15
    )
    outputs = run_together(engine, todo)
    for number, job in enumerate(todo):
        finished = bool(outputs[number]) and outputs[number][-1].finish_reason is not None
        assert finished or job.aborted_at is not None, f"job {number} got no answer"
        if finished:
            same_answer(outputs[number][-1], alone(network, token_rules, job))


@unshrunk
@given(networks, rules, jobs())
def test_cached_logits_equal_the_full_forward(
    network: Seq2SeqTransformer, token_rules: TokenRules, todo: list[Job]
) -> None:
    kept = KeepingRunner(wrap=RecordingRunner)
    run_together(make_engine(network=network, rules=token_rules, max_rows=6, make=kept), todo)
    assert kept.runner.steps
    for prompt, sequence, hidden in kept.runner.steps:
        expected = full_forward(network, prompt, sequence)[-1]
        torch.testing.assert_close(network.logits(hidden), expected, rtol=0, atol=1e-9)


@unshrunk
@given(networks, rules, jobs())
def test_tokens_as_they_come_are_the_tokens_at_the_end(
    network: Seq2SeqTransformer, token_rules: TokenRules, todo: list[Job]
) -> None:
    outputs = run_together(make_engine(network=network, rules=token_rules, max_rows=6), todo)
    for number, job in enumerate(todo):
        if job.params.num_rows > 1:
            assert not any(output.new_token_ids for output in outputs[number])
            continue
        streamed = tuple(t for output in outputs[number] for t in output.new_token_ids)
        whole = outputs[number][-1].hypotheses[0].token_ids
        assert job.params.target_prefix_ids + streamed == whole


@unshrunk
@given(networks, jobs(abortable=True))
def test_all_rows_are_free_once_all_requests_have_ended(
    network: Seq2SeqTransformer, todo: list[Job]
) -> None:
    engine = make_engine(network=network, max_rows=5)
    run_together(engine, todo)
    stats = engine.stats()
    assert (stats.num_waiting, stats.num_running, stats.num_rows) == (0, 0, 0)
    assert stats.cache_use == 0.0
    engine.check_invariants()


@unshrunk
@given(networks, jobs(), st.data())
def test_a_priority_or_a_deadline_changes_when_and_never_what(
    network: Seq2SeqTransformer, todo: list[Job], data: st.DataObject
) -> None:
    clock = FakeClock()
    engine = make_engine(network=network, max_rows=4, clock=clock.tick)
    urgent = [
        replace(
            job,
            priority=data.draw(st.sampled_from(Priority)),
            deadline_s=data.draw(st.none() | st.floats(0, 200)),
        )
        for job in todo
    ]
    outputs = run_together(engine, urgent)
    for number, job in enumerate(urgent):
        last = outputs[number][-1]
        if last.finish_reason is FinishReason.DEADLINE:
            assert job.deadline_s is not None
            assert job.deadline_s <= clock.now_s
        else:
            same_answer(last, alone(network, make_rules(), job))


def decode_uncached(
    network: Seq2SeqTransformer, prompt: Prompt, search: Search
) -> tuple[Hypothesis, ...]:
    """Run a search with full forwards, one sequence at a time; the only rule is suppression."""
    parents = [0]
    while parents:
        candidates = []
        for sequence in search.sequences:
            logits = full_forward(network, prompt, sequence)[-1].float()
            log_probs = logits.log_softmax(-1)
            log_probs[START] = float("-inf")
            best = log_probs.topk(search.num_candidates)
            found = zip(best.indices.tolist(), best.values.tolist(), strict=True)
            candidates.append([Candidate(token_id, log_prob) for token_id, log_prob in found])
        parents = search.advance(candidates)
    return search.finished()


def beam_search(prompt: Prompt, params: GenerationParams) -> BeamSearch:
    config = SearchConfig(
        prefix_ids=prompt.decoder_prefix_ids,
        num_prompt_ids=len(prompt.decoder_prefix_ids),
        max_new_tokens=params.max_new_tokens,
        eos_ids=frozenset([EOS]),
    )
    return BeamSearch(
        config,
        num_beams=params.num_beams,
        num_return=params.num_return,
        length_penalty=params.length_penalty,
        early_stopping=params.early_stopping,
    )


@unshrunk
@given(networks, prompts(), st.integers(1, 9))
def test_one_beam_is_greedy(
    network: Seq2SeqTransformer, prompt: Prompt, max_new_tokens: int
) -> None:
    params = GenerationParams(max_new_tokens=max_new_tokens, return_scores=True)
    (greedy,) = answer(make_engine(network=network), prompt, params).hypotheses
    (one_beam,) = decode_uncached(network, prompt, beam_search(prompt, params))
    assert greedy.token_ids == one_beam.token_ids
    assert greedy.score == pytest.approx(one_beam.score, abs=1e-5)
    assert greedy.finish_reason == one_beam.finish_reason


@unshrunk
@given(networks, prompts(), parameters().filter(lambda params: params.num_beams > 1))
def test_beams_are_those_of_a_search_without_cache(
    network: Seq2SeqTransformer, prompt: Prompt, params: GenerationParams
) -> None:
    plain = replace(params, **NO_RULES, target_prefix_ids=())
    found = answer(make_engine(network=network), prompt, plain).hypotheses
    expected = decode_uncached(network, prompt, beam_search(prompt, plain))
    assert [h.token_ids for h in found] == [h.token_ids for h in expected]
    assert [h.rank for h in found] == pytest.approx([h.rank for h in expected], abs=1e-4)


@given(networks, prompts(), parameters())
@settings(unshrunk, max_examples=100)
def test_scores_are_the_log_probabilities_of_a_full_forward(
    network: Seq2SeqTransformer, prompt: Prompt, params: GenerationParams
) -> None:
    """Rules edit what beams are ranked by, so they are left out here."""
    plain = replace(params, **NO_RULES, return_scores=True)
    output = answer(make_engine(network=network), prompt, plain)
    for hypothesis in output.hypotheses:
        sequence = [*prompt.decoder_prefix_ids, *hypothesis.token_ids]
        if hypothesis.num_generated > len(hypothesis.token_ids) - len(plain.target_prefix_ids):
            sequence.append(EOS)
        log_probs = full_forward(network, prompt, sequence[:-1]).float().log_softmax(-1)
        chosen = log_probs.gather(1, torch.tensor(sequence[1:])[:, None])[:, 0]
        expected = float(chosen[-hypothesis.num_generated :].sum())
        assert hypothesis.log_prob == pytest.approx(expected, abs=1e-4)
        assert hypothesis.score == pytest.approx(expected / hypothesis.num_generated, abs=1e-4)
