"""Scarce memory delays answers of our own kernels; no token is changed, lost or repeated."""

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch

from model.config import Stack
from model.engine.block_pool import TOKENS_PER_BLOCK, most_blocks
from model.engine.cache.kernel_cache import bytes_per_token
from model.engine.engine import Engine
from model.engine.params import FinishReason, GenerationParams
from model.engine.request import RequestOutput
from model.errors import ConfigError, InvalidParamsError
from model.kernels.packing import KernelPacking
from model.transformer.packing import pack
from model.transformer.seq2seq import Seq2SeqTransformer
from tests.support.engine.factories import (
    EOS,
    START,
    KeepingRunner,
    answer,
    drain,
    make_config,
    make_network,
    make_prompt,
    make_rules,
)
from tests.support.engine.jobs import Job, run_together
from tests.support.engine.kernel_engines import bits, kernel_engine
from tests.support.service.machines import needs_kernels

pytestmark = needs_kernels

NEVER = make_rules(suppressed_ids=(EOS, START))  # outputs end only at their length
KINDS: dict[str, dict[str, Any]] = {
    "greedy": {"return_scores": True},
    "beams": {"num_beams": 4, "num_return": 4, "return_scores": True},
    "samples": {"seed": 3, "temperature": 1.5, "num_return": 3, "return_scores": True},
    "no repeats": {"repetition_penalty": 1.4, "return_scores": True},
}


@cache
def packed_network() -> Seq2SeqTransformer:
    network = make_network()
    pack(network, KernelPacking(torch.bfloat16))
    return network


def engine_of(num_blocks: int, *, run_on_s: float = 60.0) -> Engine:
    """Return an engine whose budget is that of `num_blocks` blocks, to the byte."""
    network = packed_network()
    block_bytes = TOKENS_PER_BLOCK * bytes_per_token(network.config, torch.bfloat16)
    return kernel_engine(
        network,
        rules=NEVER,
        kv_cache_bytes=num_blocks * block_bytes,
        run_on_s=run_on_s,
        max_rows=200,
    )


def tokens_of(outputs: list[RequestOutput]) -> list[int]:
    return [token_id for output in outputs for token_id in output.new_token_ids]


def todo_of(params: GenerationParams, *, count: int = 20) -> list[Job]:
    """Return requests with sources of 1 token, 2 tokens, ... that arrive two by two."""
    sources = [make_prompt(length=1 + number, seed=number) for number in range(count)]
    return [
        Job(prompt=source, params=params, arrives_at=number // 2)
        for number, source in enumerate(sources)
    ]


@pytest.mark.parametrize("run_on_s", [0.0, 60.0])
@pytest.mark.parametrize("kind", KINDS)
def test_a_tenth_of_the_memory_gives_the_same_answers_to_the_bit(
    kind: str, run_on_s: float
) -> None:
    params = GenerationParams(max_new_tokens=46, **KINDS[kind])
    todo = todo_of(params)
    needed = len(todo) * most_blocks(
        num_source_tokens=20, num_target_tokens=47, num_rows=params.num_rows
    )
    scarce, plenty = (engine_of(n, run_on_s=run_on_s) for n in (needed // 10, needed))
    found, expected = run_together(scarce, todo), run_together(plenty, todo)
    assert scarce.stats().num_preempted > 0
    assert plenty.stats().num_preempted == 0
    for number in range(len(todo)):
        last = found[number][-1]
        assert last.finish_reason is FinishReason.LENGTH
        assert bits(last) == bits(expected[number][-1])
        assert tokens_of(found[number]) == tokens_of(expected[number])
        if params.num_rows == 1:
            assert tokens_of(found[number]) == list(last.hypotheses[0].token_ids)
    stats = scarce.stats()
    assert (stats.num_rows, stats.num_blocks, stats.cache_use) == (0, 0, 0.0)


@pytest.mark.parametrize("d_head", [8, 17, 64])
def test_the_cache_fills_its_budget_and_no_more_with_heads_of_any_size(d_head: int) -> None:
    stack = Stack(num_layers=2, num_heads=2, d_ff=12, d_head=d_head)
    network = make_network(config=make_config(decoder=stack))
    pack(network, KernelPacking(torch.bfloat16))
    budget, kept = 1 << 20, KeepingRunner()
    kernel_engine(network, kept=kept, kv_cache_bytes=budget, max_rows=200)
    assert 0.9 * budget < kept.runner.own_cache.memory.nbytes <= budget


def test_requests_of_all_kinds_in_scarce_memory_get_the_answers_that_they_get_alone() -> None:
    jobs = [
        replace(job, params=GenerationParams(max_new_tokens=40, **list(KINDS.values())[number % 4]))
        for number, job in enumerate(todo_of(GenerationParams()))
    ]
    scarce, alone = engine_of(16), engine_of(100)
    found = run_together(scarce, jobs)
    assert scarce.stats().num_preempted > 0
    for number, job in enumerate(jobs):
        assert bits(found[number][-1]) == bits(answer(alone, job.prompt, job.params))


def test_eight_beams_that_take_every_block_run_and_one_block_fewer_refuses_them() -> None:
    params = GenerationParams(max_new_tokens=47, num_beams=8, num_return=8, return_scores=True)
    prompt = make_prompt(length=48)
    least = 3 + 8 * 3
    found, expected = (answer(engine_of(n), prompt, params) for n in (least, 10 * least))
    assert bits(found) == bits(expected)
    with pytest.raises(InvalidParamsError) as caught:
        engine_of(least - 1).add_request("a", prompt, params)
    assert str(caught.value) == (
        "num_beams: 8 outputs of up to 48 tokens and a source of 48 take 27 blocks of memory, "
        "above the 26 of the cache"
    )


def test_eight_beams_at_the_edge_end_among_small_requests_that_keep_coming() -> None:
    engine = engine_of(3 + 8 * 3, run_on_s=0.0)
    for number in range(4):
        engine.add_request(f"before {number}", make_prompt(), GenerationParams(max_new_tokens=40))
    engine.step()
    wide = GenerationParams(max_new_tokens=47, num_beams=8)
    engine.add_request("wide", make_prompt(length=48), wide)
    ended: list[str] = []
    for number in range(200):
        engine.add_request(str(number), make_prompt(), GenerationParams(max_new_tokens=20))
        ended += [o.request_id for o in engine.step() if o.finish_reason is not None]
        engine.check_invariants()
        if "wide" in ended:
            break
    assert ended.index("wide") == 4  # after those that came before it
    drain(engine)


def test_the_rows_in_flight_follow_the_lengths_that_requests_have() -> None:
    """In the memory of two rows of maximal length, six short requests."""
    engine = engine_of(12)
    for number in range(8):
        engine.add_request(str(number), make_prompt(), GenerationParams(max_new_tokens=10))
    engine.step()
    stats = engine.stats()
    assert (stats.num_running, stats.num_waiting) == (6, 2)
    assert (stats.num_blocks, stats.max_blocks) == (12, 12)
    assert stats.cache_use == 1.0


def test_memory_below_a_row_of_maximal_length_is_refused() -> None:
    engine_of(6)
    with pytest.raises(ConfigError, match="below the 24576 bytes of one row"):
        engine_of(5)
