"""On a GPU: graphs replay what was recorded, and the host waits once a step."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from model.config import Stack
from model.engine.config import MemoryFraction
from model.engine.engine import Engine
from model.engine.params import FinishReason, GenerationParams
from model.engine.request import RequestOutput
from model.engine.runners.graphed_runner import GraphedRunner
from model.engine.runners.model_runner import ModelRunner
from model.errors import ConfigError
from model.transformer.seq2seq import Seq2SeqTransformer
from tests.support.engine.factories import (
    EOS,
    START,
    KeepingRunner,
    drain,
    make_config,
    make_engine,
    make_network,
    make_prompt,
    make_rules,
)
from tests.support.engine.jobs import CONFIGS

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")

NEVER = make_rules(suppressed_ids=(EOS, START))  # outputs end only at their length
MIXED: tuple[dict[str, Any], ...] = (
    {},
    {"num_beams": 4, "num_return": 2},
    {"seed": 1, "top_k": 5, "num_return": 2},
    {"repetition_penalty": 1.3},
    {"num_beams": 2, "no_repeat_ngram_size": 2},
    {"return_scores": True, "max_repeats": 1},
)


def cuda_network(**options: Any) -> Seq2SeqTransformer:
    return make_network(**{"dtype": torch.float64, **options}).to("cuda")


def recorded(network: Seq2SeqTransformer, **limits: Any) -> Engine:
    kept = KeepingRunner()
    engine = make_engine(network=network, rules=NEVER, make=kept, **limits)
    assert isinstance(kept.runner, GraphedRunner)
    engine.warm_up(widths=(1, 4))
    return engine


def plain(network: Seq2SeqTransformer, **limits: Any) -> Engine:
    def make(network: Any, rules: Any, config: Any, cache_dtype: Any) -> ModelRunner:
        return ModelRunner(network, rules, config, cache_dtype=cache_dtype)

    return make_engine(network=network, rules=NEVER, make=make, **limits)


def ask(engine: Engine, *kinds: dict[str, Any], length: int = 9) -> dict[str, RequestOutput]:
    for number, params in enumerate(kinds):
        wanted = GenerationParams(**{"max_new_tokens": length + number, **params})
        engine.add_request(str(number), make_prompt(length=4 + 5 * number, seed=number), wanted)
    return {request_id: outputs[-1] for request_id, outputs in drain(engine).items()}


def tokens(answers: dict[str, RequestOutput]) -> dict[str, list[tuple[int, ...]]]:
    return {name: [h.token_ids for h in answer.hypotheses] for name, answer in answers.items()}


@contextmanager
def counted_waits() -> Iterator[list[int]]:
    """Yield the number of waits for an event so far; any other wait is an error."""
    waits = [0]
    synchronize = torch.cuda.Event.synchronize

    def count(event: torch.cuda.Event) -> None:
        waits[0] += 1
        synchronize(event)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda.Event, "synchronize", count)
        torch.cuda.set_sync_debug_mode("error")
        try:
            yield waits
        finally:
            torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("number", range(len(CONFIGS)))
def test_replayed_steps_give_the_tokens_of_plain_ones(number: int) -> None:
    network = cuda_network(config=CONFIGS[number], seed=number)
    assert tokens(ask(recorded(network, max_rows=12), *MIXED)) == tokens(
        ask(plain(network, max_rows=12), *MIXED)
    )


@pytest.mark.parametrize("params", [*MIXED[:3]], ids=str)
def test_a_gpu_gives_the_tokens_of_a_cpu(params: dict[str, Any]) -> None:
    on_cpu = make_engine(network=make_network(dtype=torch.float64), rules=NEVER)
    assert tokens(ask(recorded(cuda_network()), params)) == tokens(ask(on_cpu, params))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_every_type_can_be_recorded(dtype: torch.dtype) -> None:
    config = make_config(d_model=64)
    engine = recorded(cuda_network(config=config, dtype=dtype), max_rows=12)
    for answer in ask(engine, *MIXED).values():
        assert answer.finish_reason in (FinishReason.LENGTH, FinishReason.STOP)


@pytest.mark.parametrize("params", [*MIXED[:3]], ids=str)
def test_the_host_waits_once_a_step(params: dict[str, Any]) -> None:
    engine = recorded(cuda_network(dtype=torch.float32, config=make_config(d_model=64)))
    ask(engine, params, params)  # what is made lazily is made now
    for name in "ab":
        wanted = GenerationParams(**{"max_new_tokens": 20, **params})
        engine.add_request(name, make_prompt(), wanted)
    with counted_waits() as waits:
        num_steps = 0
        while engine.has_work:
            engine.step()
            num_steps += 1
    assert waits[0] <= num_steps


def test_many_steps_in_a_row_are_started_ahead() -> None:
    engine = recorded(cuda_network())
    engine.add_request("a", make_prompt(), GenerationParams(max_new_tokens=20))
    started = []
    while engine.has_work:
        engine.step()
        started.append(engine.is_ahead)
    assert started == [True] * 19 + [False]


def test_the_cache_is_as_large_as_the_fraction_allows() -> None:
    network = cuda_network(dtype=torch.bfloat16, config=make_config(d_model=64))
    half, most = (
        recorded(network, kv_cache_bytes=MemoryFraction(fraction), max_rows=16).stats().max_rows
        for fraction in (0.5, 0.9)
    )
    assert half == most == 16
    with pytest.raises(ConfigError, match="memory_fraction: 1e-09 of the device's"):
        make_engine(network=network, kv_cache_bytes=MemoryFraction(1e-9))


def test_running_out_of_memory_changes_no_token() -> None:
    stack = Stack(num_layers=2, num_heads=4, d_ff=64)
    config = make_config(vocab_size=50_000, d_model=64, encoder=stack, decoder=stack)
    network = cuda_network(config=config, dtype=torch.float32)

    def add(engine: Engine) -> None:
        for number in range(40):
            wanted = GenerationParams(max_new_tokens=4, seed=number)
            engine.add_request(str(number), make_prompt(seed=number), wanted)

    undisturbed, disturbed = plain(network, max_rows=40), plain(network, max_rows=40)
    add(undisturbed)
    expected = {name: outputs[-1] for name, outputs in drain(undisturbed).items()}
    add(disturbed)
    torch.cuda.empty_cache()
    _, total_bytes = torch.cuda.mem_get_info()
    allowed_bytes = torch.cuda.memory_reserved() + (48 << 20)
    torch.cuda.set_per_process_memory_fraction(allowed_bytes / total_bytes)
    try:
        found = {name: outputs[-1] for name, outputs in drain(disturbed).items()}
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert disturbed.stats().max_rows < 40
    assert tokens(found) == tokens(expected)
