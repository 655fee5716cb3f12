"""Attention against its equation in float64 numpy, and the promises that callers rely on."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from model.config import Heads
from model.transformer.attention import (
    CrossAttention,
    SelfAttention,
    attend,
    attention_weights,
    merge_heads,
    split_heads,
)
from model.transformer.masks import MASKED, causal_bias, padding_bias
from model.transformer.memory import BeamRows

# The textbook example: three positions, d_k = 4.
QUERY = [[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0]]
VALUE = [[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], [0.9, 1.0, 1.1, 1.2]]

MANY = 12  # queries: above the limit of the path for few

Float64Array = NDArray[np.float64]


def softmax_in_numpy(scores: Float64Array) -> Float64Array:
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights: Float64Array = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return weights


def textbook(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Return the query, which is the key too, and the value: (1, 1, 3, 4) each."""
    return torch.tensor([[QUERY]], dtype=dtype), torch.tensor([[VALUE]], dtype=dtype)


def random_heads(length: int, d_head: int, *, seed: int = 0, heads: int = 2) -> Tensor:
    """Return normal random numbers, (2, heads, length, d_head), float64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, heads, length, d_head, generator=generator, dtype=torch.float64)


def make_heads(d_model: int, num_heads: int, **changes: Any) -> Heads:
    size = d_model // num_heads
    defaults: dict[str, Any] = {"num": num_heads, "num_kv": num_heads, "size": size}
    return Heads(**{**defaults, "scale": size**-0.5, **changes})


def make_self_attention(d_model: int = 12, *, num_heads: int = 3) -> SelfAttention:
    torch.manual_seed(0)
    return (
        SelfAttention(d_model, make_heads(d_model, num_heads))
        .double()
        .requires_grad_(requires_grad=False)
    )


def make_cross_attention(d_model: int = 12, *, num_heads: int = 3) -> CrossAttention:
    torch.manual_seed(0)
    return (
        CrossAttention(d_model, make_heads(d_model, num_heads))
        .double()
        .requires_grad_(requires_grad=False)
    )


def test_the_weights_of_the_textbook_example_are_those_of_the_equation() -> None:
    query, _ = textbook()
    scores = np.array(QUERY) @ np.array(QUERY).T / math.sqrt(4)
    np.testing.assert_allclose(
        attention_weights(query, query)[0, 0].numpy(), softmax_in_numpy(scores), atol=1e-15
    )


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [
        pytest.param(torch.float64, 1e-15, id="float64"),
        pytest.param(torch.float32, 1e-6, id="float32"),
    ],
)
def test_the_output_of_the_textbook_example_is_that_of_the_equation(
    dtype: torch.dtype, tolerance: float
) -> None:
    query, value = textbook(dtype)
    scores = np.array(QUERY) @ np.array(QUERY).T / math.sqrt(4)
    expected = softmax_in_numpy(scores) @ np.array(VALUE)
    np.testing.assert_allclose(attend(query, query, value)[0, 0].numpy(), expected, atol=tolerance)


def test_a_naive_softmax_overflows_where_the_scores_are_a_thousand_times_larger() -> None:
    """Without this overflow the two tests below could not fail."""
    query, _ = textbook(torch.float32)
    exponentials = (1_000 * query @ query.transpose(-2, -1) / 2).exp()
    weights = exponentials / exponentials.sum(dim=-1, keepdim=True)
    assert exponentials.isinf().any()
    assert weights.isnan().any()


def test_weights_of_scores_a_thousand_times_larger_are_exact() -> None:
    query, _ = textbook(torch.float32)
    weights = attention_weights(1_000 * query, query)[0, 0].numpy()
    scores = 1_000 * np.array(QUERY) @ np.array(QUERY).T / 2
    np.testing.assert_allclose(weights, softmax_in_numpy(scores), atol=1e-6)


@pytest.mark.parametrize("repeats", [1, MANY])
def test_answers_to_scores_a_thousand_times_larger_are_exact(repeats: int) -> None:
    query, value = textbook(torch.float32)
    answer = attend(1_000 * query.repeat(1, 1, repeats, 1), query, value)[0, 0]
    scores = 1_000 * np.array(QUERY) @ np.array(QUERY).T / 2
    expected = np.tile(softmax_in_numpy(scores) @ np.array(VALUE), (repeats, 1))
    np.testing.assert_allclose(answer.numpy(), expected, atol=1e-6)


@given(
    queries=st.integers(1, 6),
    keys=st.integers(1, 9),
    d_head=st.integers(1, 9),
    spread=st.sampled_from([1e-3, 1.0, 1e3]),
    seed=st.integers(0, 1_000),
)
def test_the_weights_of_every_row_sum_to_1(
    queries: int, keys: int, d_head: int, spread: float, seed: int
) -> None:
    query = spread * random_heads(queries, d_head, seed=seed)
    weights = attention_weights(query.float(), random_heads(keys, d_head, seed=seed + 1).float())
    assert weights.shape == (2, 2, queries, keys)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 2, queries))


def test_a_masked_key_has_a_weight_of_exactly_0() -> None:
    bias = torch.zeros(3, dtype=torch.float64)
    bias[1] = MASKED
    query, _ = textbook()
    weights = attention_weights(query, query, bias=bias)
    assert (weights[..., 1] == 0).all()
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(1, 1, 3, dtype=torch.float64))


@pytest.mark.parametrize("queries", [1, MANY])
def test_the_value_of_a_masked_key_changes_nothing(queries: int) -> None:
    query, key, value = (random_heads(n, 5, seed=n) for n in (queries, 6, 6))
    bias = torch.zeros(1, 1, 1, 6, dtype=torch.float64)
    bias[..., 4:] = MASKED
    before = attend(query, key, value, bias=bias)
    key[:, :, 4:] += 100
    value[:, :, 4:] += 100
    assert torch.equal(attend(query, key, value, bias=bias), before)
    assert torch.allclose(before, attend(query, key[:, :, :4], value[:, :, :4]))


@given(
    queries=st.integers(1, 2 * MANY),
    keys=st.integers(1, 9),
    d_head=st.sampled_from([1, 2, 3, 5, 7, 8, 13]),
    heads=st.integers(1, 3),
    has_bias=st.booleans(),
    seed=st.integers(0, 1_000),
)
def test_attend_is_the_weights_times_the_values(
    *, queries: int, keys: int, d_head: int, heads: int, has_bias: bool, seed: int
) -> None:
    query, key, value = (
        random_heads(length, d_head, seed=seed + i, heads=heads)
        for i, length in enumerate((queries, keys, keys))
    )
    bias = None
    if has_bias:
        bias = random_heads(queries, keys, seed=seed, heads=heads)
        bias[bias > 0.8] = MASKED
        bias[..., 0] = 0.0  # one key is not masked
    expected = attention_weights(query, key, bias=bias) @ value
    torch.testing.assert_close(attend(query, key, value, bias=bias), expected)


@given(
    heads=st.integers(1, 4), d_head=st.integers(1, 7), batch=st.integers(1, 3), n=st.integers(1, 5)
)
def test_heads_that_are_split_and_merged_are_as_before(
    heads: int, d_head: int, batch: int, n: int
) -> None:
    x = torch.arange(batch * n * heads * d_head).view(batch, n, heads * d_head)
    split = split_heads(x, d_head)
    assert split.shape == (batch, heads, n, d_head)
    assert torch.equal(merge_heads(split), x)


def test_each_head_is_its_own_slice_of_the_width() -> None:
    x = torch.arange(2 * 3 * 8).view(2, 3, 8)
    assert torch.equal(split_heads(x, 2)[:, 1], x[:, :, 2:4])


def test_the_answer_is_the_same_where_gradients_are_wanted() -> None:
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 2, 4, MANY, 8)
    bias = causal_bias(MANY, dtype=torch.float32, device=query.device)
    answer = attend(query.clone().requires_grad_(), key, value, bias=bias)
    torch.testing.assert_close(answer.detach(), attend(query, key, value, bias=bias))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = attend(query.bfloat16().requires_grad_(), key, value, bias=bias)
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.detach().float(), answer.detach(), atol=0.05, rtol=0.05)


@given(length=st.integers(2, 2 * MANY), data=st.data())
def test_a_change_in_the_future_changes_no_earlier_output(length: int, data: st.DataObject) -> None:
    changed = data.draw(st.integers(1, length - 1))
    attention = make_self_attention()
    bias = causal_bias(length, dtype=torch.float64, device=torch.device("cpu"))
    x = random_heads(length, 12, heads=1)[:, 0]
    before = attention(x, bias=bias)
    x[:, changed] += 1.0
    after = attention(x, bias=bias)
    assert torch.equal(after[:, :changed], before[:, :changed])
    assert not torch.allclose(after[:, changed], before[:, changed])


def test_without_a_bias_every_position_sees_all_others() -> None:
    attention = make_self_attention()
    x = random_heads(4, 12, heads=1)[:, 0]
    before = attention(x, bias=None)
    x[:, 3] += 1.0
    assert not torch.isclose(attention(x, bias=None), before).all(dim=-1).any()


def test_self_attention_does_not_depend_on_the_order_of_positions() -> None:
    attention = make_self_attention()
    x = random_heads(5, 12, heads=1)[:, 0]
    order = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(attention(x[:, order], bias=None), attention(x, bias=None)[:, order])


@pytest.mark.parametrize("has_padding", [False, True])
def test_beams_that_share_a_source_get_the_same_output_as_each_alone(*, has_padding: bool) -> None:
    attention = make_cross_attention()
    memory = random_heads(7, 12, heads=1)[:, 0]  # two sources
    mask = torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    bias = padding_bias(mask, torch.float64) if has_padding else None
    sources = [1, 0, 0, 1, 0]  # of hypotheses 0 to 4
    beams = BeamRows(
        rows=torch.tensor([[1, 2, 4], [0, 3, 3]]),
        places=torch.tensor([3, 0, 1, 4, 2]),
    )
    x = torch.randn(5, 1, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    together = attention(x, attention.keys_values(memory), bias=bias, beams=beams)
    for hypothesis, source in enumerate(sources):
        alone = attention(
            x[hypothesis : hypothesis + 1],
            attention.keys_values(memory[source : source + 1]),
            bias=None if bias is None else bias[source : source + 1],
        )
        torch.testing.assert_close(together[hypothesis], alone[0])


def test_cross_attention_answers_each_position_alone() -> None:
    attention = make_cross_attention()
    keys_values = attention.keys_values(random_heads(7, 12, heads=1)[:, 0])
    x = random_heads(MANY, 12, seed=1, heads=1)[:, 0]
    together = attention(x, keys_values, bias=None)
    alone = [attention(x[:, i : i + 1], keys_values, bias=None) for i in range(MANY)]
    torch.testing.assert_close(together, torch.cat(alone, dim=1))


def test_attention_computes_in_the_precision_of_its_keys_and_answers_in_that_of_its_queries() -> (
    None
):
    attention = make_cross_attention().bfloat16()
    key, value = attention.keys_values(random_heads(7, 12, heads=1)[:, 0].bfloat16())
    x = random_heads(1, 12, seed=1, heads=1)[:, 0].bfloat16()
    answer = attention(x, (key.float(), value.float()), bias=None)
    assert answer.dtype is torch.bfloat16
    torch.testing.assert_close(answer, attention(x, (key, value), bias=None), atol=0.02, rtol=0.05)
