"""The result of a request with our own kernels depends on that request alone."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from model.config import Norm, RelativeBias, Rotary, Stack
from model.engine.params import GenerationParams
from model.engine.request import RequestOutput
from model.engine.runners.kernel_runner import KernelRunner
from model.kernels.library import library
from model.kernels.linear import padded
from model.kernels.packing import KernelPacking
from model.transformer import attention
from model.transformer.packing import pack
from model.transformer.seq2seq import Seq2SeqTransformer
from model.transformer.stacks import DecoderLayer
from tests.support.engine.factories import (
    START,
    KeepingRunner,
    answer,
    make_config,
    make_engine,
    make_network,
    make_prompt,
)
from tests.support.engine.jobs import Job, run_together
from tests.support.engine.kernel_engines import bits, kernel_engine
from tests.support.service.machines import needs_kernels

pytestmark = [needs_kernels, pytest.mark.usefixtures("every_level")]

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
    "T5Gemma's": {
        "d_model": 40,
        "encoder": Stack(
            num_layers=2, num_heads=4, num_kv_heads=2, d_ff=64, d_head=12, reaches=(5, None)
        ),
        "decoder": Stack(
            num_layers=2, num_heads=6, num_kv_heads=2, d_ff=48, d_head=20, reaches=(None, 3)
        ),
        "norm": Norm(placement="around", kind="rms"),
        "positions": Rotary(),
        "gated_ffn": True,
        "attention_softcap": 8.0,
        "output_softcap": 9.0,
    },
}
DTYPES = (torch.bfloat16, torch.int8)
TILED_LENGTH = 24  # tokens of a source from which tiles attend
GREEDY = GenerationParams(max_new_tokens=12, return_scores=True)
PARAMS = (
    GREEDY,
    GenerationParams(max_new_tokens=12),
    GenerationParams(max_new_tokens=12, num_beams=4, num_return=4, return_scores=True),
    GenerationParams(max_new_tokens=9, num_beams=3, return_scores=True, length_penalty=2.0),
    GenerationParams(max_new_tokens=12, num_beams=6, return_scores=True),  # more than ask at once
    GenerationParams(max_new_tokens=12, seed=3, temperature=1.5, num_return=2, return_scores=True),
    GenerationParams(max_new_tokens=12, repetition_penalty=1.4, return_scores=True),
    GenerationParams(max_new_tokens=40, min_new_tokens=30, num_beams=4, return_scores=True),
)


@cache
def packed_network(
    shape: str, dtype: torch.dtype, *, num_encoder_layers: int = 2
) -> Seq2SeqTransformer:
    parts = SHAPES[shape]
    encoder: Stack = parts["encoder"]
    reaches = encoder.reaches[:num_encoder_layers]
    encoder = replace(encoder, num_layers=num_encoder_layers, reaches=reaches)
    network = make_network(config=make_config(**{**parts, "encoder": encoder}))
    pack(network, KernelPacking(dtype))
    return network


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
    """Over the same packed weights, with keys and values in float32."""
    network = packed_network(shape, dtype)
    engine = kernel_engine(network, cache_dtype=torch.float32)
    for length in range(1, 30):
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
    scale: float,
    bias: Tensor | None,
    softcap: float | None,
) -> Tensor:
    """Attend with keys and values in bfloat16; with tiles, all numbers are in bfloat16."""
    loaded = library()
    tiled = loaded is not None and loaded.rounds_activations and key.shape[-2] >= TILED_LENGTH
    rounded = Tensor.bfloat16 if tiled else Tensor.float
    query, key, value = rounded(query).float(), key.bfloat16().float(), value.bfloat16().float()
    scores = query @ key.mT * scale
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if bias is not None:
        scores = scores + bias
    weights = (scores - scores.amax(dim=-1, keepdim=True)).exp()
    return rounded(weights).float() @ value / weights.sum(dim=-1, keepdim=True)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("length", [1, 16, 23, 24, 31, 32, 33, 47, 48])
def test_what_is_stored_of_a_source_is_what_the_encoder_makes_of_it(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, shape: str, length: int
) -> None:
    """Values of the first layer, up to their own rounding.

    Of one layer: a second would make much of a number that float32's last bits round otherwise.
    """
    network = packed_network(shape, dtype, num_encoder_layers=1)
    kept = KeepingRunner()
    prompt, engine = make_prompt(length=length), kernel_engine(network, kept=kept)
    engine.add_request("a", prompt, GREEDY)
    engine.step()
    assert isinstance(kept.runner, KernelRunner)
    cache = kept.runner.source_cache
    stored, layout = cache.memory, cache.struct
    per_line = 4 // stored.dtype.itemsize  # tokens side by side: a word of each dimension
    blocks = stored[0, cache.blocks_of(0), :, 1]  # (blocks, heads, 16 * d_head)
    lines = blocks.unflatten(2, (-1, padded(layout.d_head), per_line)).transpose(3, 4)
    values = lines.transpose(0, 1).flatten(1, 3)  # (heads, tokens, d_head)
    monkeypatch.setattr(attention, "attend", attend_narrowly)
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
