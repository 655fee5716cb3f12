"""The result of a request with our own kernels depends on that request alone."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from model.config import Norm, RelativeBias, Stack
from model.engine.engine import Engine
from model.engine.params import GenerationParams
from model.engine.request import RequestOutput
from model.engine.runners.kernel_runner import KernelRunner
from model.engine.search.beam_search import BeamSearch
from model.engine.search.repetition import SHORT_RUN, count_repeats
from model.engine.search.search import Extension
from model.kernels.linear import padded
from model.kernels.packing import KernelPacking
from model.transformer.packing import pack
from model.transformer.seq2seq import Seq2SeqTransformer
from model.transformer.stacks import DecoderLayer
from tests.support.engine.factories import (
    EOS,
    START,
    KeepingRunner,
    answer,
    drain,
    make_config,
    make_engine,
    make_engine_config,
    make_network,
    make_prompt,
    make_rules,
)
from tests.support.engine.jobs import Job, run_together
from tests.support.service.machines import needs_kernels

pytestmark = needs_kernels

SHAPES: dict[str, dict[str, Any]] = {
    "plain": {
        "d_model": 64,
        "encoder": Stack(num_layers=2, num_heads=4, d_ff=96),
        "decoder": Stack(num_layers=2, num_heads=4, d_ff=96),
    },
    "odd": {
        "d_model": 37,
        "encoder": Stack(num_layers=2, num_heads=3, d_ff=51, d_head=11),
        "decoder": Stack(num_layers=2, num_heads=3, d_ff=33, d_head=20),
        "norm": Norm(placement="pre", kind="rms"),
        "positions": RelativeBias(num_buckets=8, max_distance=20),
        "gated_ffn": True,
        "tied_output": True,
    },
}
DTYPES = (torch.bfloat16, torch.int8)
GREEDY = GenerationParams(max_new_tokens=12, return_scores=True)
PARAMS = (
    GREEDY,
    GenerationParams(max_new_tokens=12),
    GenerationParams(max_new_tokens=12, num_beams=4, num_return=4, return_scores=True),
    GenerationParams(max_new_tokens=9, num_beams=3, return_scores=True, length_penalty=2.0),
    GenerationParams(max_new_tokens=12, num_beams=6, return_scores=True),  # more than ask at once
    GenerationParams(max_new_tokens=12, seed=3, temperature=1.5, num_return=2, return_scores=True),
    GenerationParams(max_new_tokens=12, repetition_penalty=1.4, return_scores=True),
)


@cache
def packed_network(
    shape: str, dtype: torch.dtype, *, num_encoder_layers: int = 2
) -> Seq2SeqTransformer:
    parts = SHAPES[shape]
    encoder = replace(parts["encoder"], num_layers=num_encoder_layers)
    network = make_network(config=make_config(**{**parts, "encoder": encoder}))
    pack(network, KernelPacking(dtype))
    return network


def loose_network(*, end: float) -> Seq2SeqTransformer:
    """Return a network that repeats its last token; end: the bias of the end of sentence."""
    shape = {"norm": Norm(placement="post"), "final_norm": False, "tied_output": True}
    network = make_network(config=make_config(**shape))
    assert network.output_bias is not None
    network.output_bias.data[EOS] = end
    return network


@cache
def looping_network() -> Seq2SeqTransformer:
    """Return a packed network whose outputs end only at their length."""
    network = loose_network(end=-50.0)
    pack(network, KernelPacking(torch.float32))
    return network


def kernel_engine(
    network: Seq2SeqTransformer, *, run_on_s: float = 0.02, kept: KeepingRunner | None = None
) -> Engine:
    config = make_engine_config(max_rows=40, run_on_s=run_on_s)
    return Engine(
        network, make_rules(), config, cache_dtype=torch.bfloat16, make=kept or KeepingRunner()
    )


def bits(output: RequestOutput) -> list[tuple[Sequence[int], float | None]]:
    return [(tuple(h.token_ids), h.score) for h in output.hypotheses]


@pytest.fixture
def set_threads() -> Iterator[None]:
    """Restore the number of threads after the test."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def company() -> list[Job]:
    """Return jobs of all kinds and lengths, with different arrivals, more than fit at once."""
    lengths = (1, 2, 5, 9, 15, 16, 17, 31, 33, 40)
    return [
        Job(
            prompt=make_prompt(length=lengths[number % len(lengths)], seed=number),
            params=PARAMS[number % len(PARAMS)],
            arrives_at=number // 7,
        )
        for number in range(28)
    ]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_an_answer_is_the_same_to_the_bit_alone_and_in_company(
    dtype: torch.dtype, shape: str
) -> None:
    todo = company()
    together = run_together(kernel_engine(packed_network(shape, dtype)), todo)
    alone = kernel_engine(packed_network(shape, dtype))
    for number, job in enumerate(todo):
        expected = answer(alone, job.prompt, job.params)
        assert bits(together[number][-1]) == bits(expected), number
        if job.params.num_beams == 1 and job.params.num_return == 1:
            pieces = [token for output in together[number] for token in output.new_token_ids]
            assert pieces == list(expected.hypotheses[0].token_ids)


@pytest.mark.usefixtures("set_threads")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_tokens_are_the_same_with_any_number_of_threads_also_if_it_changes(
    dtype: torch.dtype,
) -> None:
    """More of them than heads, and than rows, included."""
    todo = [job for job in company() if job.params.seed is None]
    engine = kernel_engine(packed_network("odd", dtype))
    expected = run_together(engine, todo)
    for num_threads in (5, 2, 3, 1, 5):
        torch.set_num_threads(num_threads)
        for number, outputs in run_together(engine, todo).items():
            found, known = outputs[-1], expected[number][-1]
            assert [h.token_ids for h in found.hypotheses] == [
                h.token_ids for h in known.hypotheses
            ]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_whole_decode_is_that_of_the_networks_own_forward(dtype: torch.dtype, shape: str) -> None:
    """Over the same packed weights, but for keys and values in bfloat16."""
    network = packed_network(shape, dtype)
    engine = kernel_engine(network)
    for length in (1, 7, 16, 23):
        prompt = make_prompt(length=length, seed=length)
        (hypothesis,) = answer(engine, prompt, GREEDY).hypotheses
        decoder_ids = torch.tensor([[*prompt.decoder_prefix_ids, *hypothesis.token_ids]])
        with torch.inference_mode():
            logits = network(torch.tensor([prompt.encoder_ids]), decoder_ids[:, :-1])[0]
        allowed = logits.clone()
        allowed[:, START] = -torch.inf
        chosen = torch.tensor(hypothesis.token_ids)[:, None]
        # Nothing that the forward likes much better than what was chosen.
        behind = allowed.amax(dim=1) - allowed.gather(1, chosen)[:, 0]
        assert behind.max() < 0.05 * logits.std()


def attend_narrowly(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    attn_mask: Tensor | None = None,
    scale: float | None = None,
) -> Tensor:
    """`F.scaled_dot_product_attention` of numbers in bfloat16, summed in float32."""
    query, key, value = (x.bfloat16().float() for x in (query, key, value))
    scores = query @ key.mT * (query.shape[-1] ** -0.5 if scale is None else scale)
    if attn_mask is not None:
        scores = scores + attn_mask
    weights = (scores - scores.amax(dim=-1, keepdim=True)).exp()
    return weights.bfloat16().float() @ value / weights.sum(dim=-1, keepdim=True)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("length", [1, 16, 23, 24, 31, 32, 33, 47, 48])
def test_what_is_stored_of_a_source_is_what_the_encoder_makes_of_it(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, shape: str, length: int
) -> None:
    """Values of the first layer, up to their own rounding; attention multiplies bfloat16.

    Of one layer: a second would make much of a number that float32's last bits round otherwise.
    """
    network = packed_network(shape, dtype, num_encoder_layers=1)
    kept = KeepingRunner()
    prompt, engine = make_prompt(length=length), kernel_engine(network, kept=kept)
    engine.add_request("a", prompt, GREEDY)
    engine.step()
    assert isinstance(kept.runner, KernelRunner)
    cache = kept.runner.source_cache
    stored, layout = cache.table, cache.struct
    per_line = 4 // stored.dtype.itemsize  # tokens side by side: a word of each dimension
    blocks = stored[0, cache.places[0], :, :, 1]  # (blocks, heads, 16 * d_head)
    lines = blocks.unflatten(2, (-1, padded(layout.d_head), per_line)).transpose(3, 4)
    values = lines.transpose(0, 1).flatten(1, 3)  # (heads, tokens, d_head)
    monkeypatch.setattr(F, "scaled_dot_product_attention", attend_narrowly)
    with torch.inference_mode():
        hidden = network.encode(torch.tensor([prompt.encoder_ids]))
        layer = network.decoder.layers[0]
        assert isinstance(layer, DecoderLayer)
        both = layer.cross_attention.kv(hidden)[0]
    expected = both[:, both.shape[1] // 2 :].unflatten(1, (-1, layout.d_head)).transpose(0, 1)
    found = values[:, :length, : layout.d_head].float()
    by_token = (found - expected).square().mean(dim=(0, 2)).sqrt()
    assert by_token.max() < 0.01 * expected.std()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_source_that_is_no_number_fails_alone(dtype: torch.dtype) -> None:
    """Requests with a token whose embedding is NaN get no output; the others are unchanged."""
    network = make_network(config=make_config(**SHAPES["plain"]))
    network.embedding.weight[9].fill_(torch.nan)
    pack(network, KernelPacking(dtype))
    engine = make_engine(network=network, max_rows=8)
    sources = {str(seed): make_prompt(length=6, seed=seed) for seed in range(8)}
    broken = {name for name, prompt in sources.items() if 9 in prompt.encoder_ids}
    assert 0 < len(broken) < len(sources)
    for name, prompt in sources.items():
        engine.add_request(name, prompt, GREEDY)
    last: dict[str, RequestOutput] = {}
    while engine.has_work:
        last |= {output.request_id: output for output in engine.step()}
    for name, prompt in sources.items():
        if name in broken:
            continue
        other = make_engine(network=network, max_rows=8)
        assert bits(last[name]) == bits(answer(other, prompt, GREEDY))
    assert not any(h.token_ids for name in broken for h in last[name].hypotheses)


LONG: tuple[dict[str, Any], ...] = (
    {},
    {"return_scores": True},
    {"num_beams": 4, "num_return": 4},
    {"num_beams": 8, "num_return": 8, "length_penalty": 0.3, "early_stopping": "never"},
    {"num_beams": 2, "early_stopping": True, "length_penalty": 2.0},
    {"num_beams": 3, "num_return": 3, "length_penalty": -1.0},
)


@pytest.mark.parametrize("max_repeats", [0, 1, 3])
@pytest.mark.parametrize("end", [-50.0, 0.0, 2.0])
@pytest.mark.parametrize("run_on_s", [0.0, 60.0])
def test_long_outputs_are_those_of_pytorch_whether_their_steps_are_seen_or_not(
    run_on_s: float, end: float, max_repeats: int
) -> None:
    """In a batch of many kinds of requests, some with a limit on repetitions."""
    plain, network = loose_network(end=end), loose_network(end=end)
    pack(network, KernelPacking(torch.float32))
    todo = [
        Job(
            prompt=make_prompt(length=3 + number, seed=number),
            params=GenerationParams(max_new_tokens=47, max_repeats=max_repeats, **changes),
            arrives_at=number % 3,
        )
        for number, changes in enumerate(4 * LONG)
    ]
    found = run_together(make_engine(network=network, max_rows=40, run_on_s=run_on_s), todo)
    expected = run_together(make_engine(network=plain, max_rows=40), todo)
    for number, outputs in expected.items():
        ours, theirs = found[number][-1].hypotheses, outputs[-1].hypotheses
        assert [h.token_ids for h in ours] == [h.token_ids for h in theirs]
        assert run_on_s or len(found[number]) == len(outputs)  # and no step later
        ranks = [h.rank for h in theirs]
        assert [h.rank for h in ours] == pytest.approx(ranks, rel=1e-5, abs=1e-4)


def test_a_loop_is_noticed_within_a_run() -> None:
    params = GenerationParams(max_new_tokens=40)
    loops, guarded = (
        answer(kernel_engine(looping_network(), run_on_s=60.0), make_prompt(), one).hypotheses
        for one in (params, replace(params, max_repeats=2))
    )
    assert count_repeats(loops[0].token_ids) > 10
    assert count_repeats(guarded[0].token_ids) <= SHORT_RUN


@pytest.mark.parametrize("forced", [None, 9])
@pytest.mark.parametrize("prefix", [(START,), (START, 7), (START, 7, 8)])
@pytest.mark.parametrize("num_beams", [1, 4])
def test_a_first_token_is_not_held_back(
    num_beams: int, prefix: tuple[int, ...], forced: int | None
) -> None:
    engine = kernel_engine(looping_network(), run_on_s=60.0)
    prompt = replace(make_prompt(prefix=prefix), forced_bos_id=forced)
    num_known = len(prefix) - 1 + (forced is not None and len(prefix) == 1)
    for request_id in ("a", "b"):
        params = GenerationParams(max_new_tokens=40, num_beams=num_beams)
        engine.add_request(request_id, prompt, params)
        for _ in range(num_known + 1):
            engine.step()
            assert engine.stats().num_steps == 1
        engine.step()
        assert engine.stats().num_steps > 1


@pytest.mark.parametrize("max_repeats", [2**31 - 1, 2**32 - 1, 2**32 + 1])
def test_a_guard_that_allows_any_number_of_repeats_allows_them(max_repeats: int) -> None:
    engine = kernel_engine(looping_network(), run_on_s=60.0)
    params = GenerationParams(max_new_tokens=40)
    expected = answer(engine, make_prompt(), params)
    found = answer(engine, make_prompt(), replace(params, max_repeats=max_repeats))
    assert bits(found) == bits(expected)


def test_what_was_chosen_unseen_is_told_although_memory_runs_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second request's tokens do not fit; those of the first one are still streamed."""
    extend, num_calls = BeamSearch.extend, 0

    def fail_once(search: BeamSearch, extension: Extension) -> None:
        nonlocal num_calls
        num_calls += 1
        if num_calls == 2:
            raise MemoryError
        extend(search, extension)

    monkeypatch.setattr(BeamSearch, "extend", fail_once)
    engine = kernel_engine(looping_network(), run_on_s=60.0)
    engine.add_request("a", make_prompt(), GenerationParams(max_new_tokens=40))
    engine.add_request("b", make_prompt(), GenerationParams(max_new_tokens=40, num_beams=4))
    outputs = drain(engine)["a"]
    assert num_calls > 2
    tokens = [token_id for output in outputs for token_id in output.new_token_ids]
    assert tokens == list(outputs[-1].hypotheses[0].token_ids)


def test_an_interrupted_engine_looks_up_after_a_step() -> None:
    engine = kernel_engine(looping_network(), run_on_s=60.0)
    engine.add_request("a", make_prompt(), GenerationParams(max_new_tokens=40))
    engine.step()
    engine.interrupt()
    engine.step()
    assert engine.stats().num_steps == 1
    engine.step()
    assert engine.stats().num_steps > 1


@pytest.mark.parametrize("max_rows", [4, 8], ids=["waiting", "running"])
@pytest.mark.parametrize("num_beams", [1, 4])
def test_no_unseen_step_begins_after_a_deadline(num_beams: int, max_rows: int) -> None:
    """The deadline of a running or of a waiting request."""
    engine = make_engine(
        network=looping_network(), clock=lambda: 5.0, run_on_s=60.0, max_rows=max_rows
    )
    params = GenerationParams(max_new_tokens=40, num_beams=num_beams)
    engine.add_request("patient", make_prompt(), replace(params, num_beams=4))
    engine.add_request("late", make_prompt(), params, deadline_s=5.0 + 1e-9)
    for _ in range(3):
        engine.step()
        assert engine.stats().num_steps == 1
    engine.abort("late")
    engine.step()
    assert engine.stats().num_steps > 1


def test_what_an_unseen_step_brings_is_told_once() -> None:
    """All tokens in order, those of a last step that ends the output, too."""
    engine = kernel_engine(looping_network(), run_on_s=60.0)
    engine.add_request("a", make_prompt(), GenerationParams(max_new_tokens=40))
    outputs = drain(engine)["a"]
    tokens = [token_id for output in outputs for token_id in output.new_token_ids]
    assert tokens == list(outputs[-1].hypotheses[0].token_ids)
    assert len(outputs) < len(tokens)
