"""Attention with heads that share keys and values, with softcaps, and with other scales."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from model.config import Heads
from model.transformer.attention import (
    CrossAttention,
    SelfAttention,
    attend,
    attend_by_groups,
    attention_weights,
)
from model.transformer.masks import MASKED, causal_bias, padding_bias
from model.transformer.memory import BeamRows

MANY = 12  # queries: above the limit of the path for few


def make_heads(**changes: Any) -> Heads:
    defaults: dict[str, Any] = {"num": 6, "num_kv": 2, "size": 4, "scale": 0.5}
    return Heads(**{**defaults, **changes})


def random_tensor(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def repeat_heads(x: Tensor, group: int) -> Tensor:
    """Return a head of keys or values for each head of queries."""
    return x.repeat_interleave(group, dim=1)


@given(
    num_kv=st.integers(1, 3),
    group=st.integers(1, 4),
    queries=st.integers(1, MANY),
    keys=st.integers(1, 9),
    bias_shape=st.sampled_from([None, "of keys", "of queries and keys", "of sequences"]),
    softcap=st.sampled_from([None, 1.5]),
)
def test_heads_that_share_are_answered_as_if_each_had_its_own_keys(
    *,
    num_kv: int,
    group: int,
    queries: int,
    keys: int,
    bias_shape: str | None,
    softcap: float | None,
) -> None:
    heads = make_heads(num=num_kv * group, num_kv=num_kv, softcap=softcap)
    query = random_tensor(2, heads.num, queries, heads.size)
    key, value = (random_tensor(2, num_kv, keys, heads.size, seed=seed) for seed in (1, 2))
    shapes = {
        "of keys": (1, 1, 1, keys),
        "of queries and keys": (queries, keys),
        "of sequences": (2, 1, queries, keys),
    }
    bias = None if bias_shape is None else random_tensor(*shapes[bias_shape], seed=3)
    expected = attend(
        query,
        repeat_heads(key, group),
        repeat_heads(value, group),
        scale=heads.scale,
        bias=bias,
        softcap=softcap,
    )
    found = attend_by_groups(query, key, value, heads=heads, bias=bias)
    torch.testing.assert_close(found, expected)


def test_weights_are_handed_over_for_each_head() -> None:
    heads = make_heads(num=4, num_kv=2)
    query, bias = random_tensor(2, 4, 3, 4), random_tensor(2, 1, 3, 5, seed=3)
    key, value = random_tensor(2, 2, 5, 4, seed=1), random_tensor(2, 2, 5, 4, seed=2)
    seen: list[Tensor] = []
    found = attend_by_groups(query, key, value, heads=heads, bias=bias, watch=seen.append)
    (weights,) = seen
    expected = attention_weights(query, repeat_heads(key, 2), scale=heads.scale, bias=bias)
    torch.testing.assert_close(weights, expected)
    torch.testing.assert_close(found, weights @ repeat_heads(value, 2))


def test_consecutive_heads_share() -> None:
    heads = make_heads(num=4, num_kv=2)
    query = random_tensor(1, 4, 3, 4)
    key, value = random_tensor(1, 2, 5, 4, seed=1), random_tensor(1, 2, 5, 4, seed=2)
    before = attend_by_groups(query, key, value, heads=heads, bias=None)
    value[:, 1] += 1.0
    after = attend_by_groups(query, key, value, heads=heads, bias=None)
    assert torch.equal(after[:, :2], before[:, :2])
    torch.testing.assert_close(after[:, 2:], before[:, 2:] + 1.0)


def make_self_attention(heads: Heads, *, d_model: int = 12) -> SelfAttention:
    torch.manual_seed(0)
    return SelfAttention(d_model, heads).double().requires_grad_(requires_grad=False)


def test_projections_are_as_wide_as_their_heads() -> None:
    attention = make_self_attention(make_heads(num=6, num_kv=2, size=5))
    assert attention.qkv.weight.shape == (30 + 10 + 10, 12)
    assert attention.out.weight.shape == (12, 30)


def test_projections_without_biases_have_none() -> None:
    for attention in (
        SelfAttention(12, make_heads(bias=False)),
        CrossAttention(12, make_heads(bias=False)),
    ):
        assert all(name.endswith("weight") for name, _ in attention.named_parameters())


@pytest.mark.parametrize("softcap", [None, 2.0])
def test_self_attention_whose_heads_share_is_one_with_repeated_weights(
    softcap: float | None,
) -> None:
    few = make_heads(softcap=softcap)
    shared = make_self_attention(few)
    full = make_self_attention(make_heads(num_kv=6, softcap=softcap))
    query, key, value = shared.qkv.weight.split((few.d_query, few.d_kv, few.d_kv))
    repeated = [
        part.view(2, 4, 12).repeat_interleave(3, dim=0).view(24, 12) for part in (key, value)
    ]
    full.qkv.weight.copy_(torch.cat([query, *repeated]))
    query, key, value = shared.qkv.bias.split((few.d_query, few.d_kv, few.d_kv))
    repeated = [part.view(2, 4).repeat_interleave(3, dim=0).flatten() for part in (key, value)]
    full.qkv.bias.copy_(torch.cat([query, *repeated]))
    full.out.load_state_dict(shared.out.state_dict())
    x = random_tensor(2, MANY, 12)
    bias = causal_bias(MANY, dtype=torch.float64, device=x.device)
    torch.testing.assert_close(shared(x, bias=bias), full(x, bias=bias))


@pytest.mark.parametrize("has_padding", [False, True])
def test_beams_and_heads_may_share_at_once(*, has_padding: bool) -> None:
    torch.manual_seed(0)
    attention = CrossAttention(12, make_heads(), d_memory=7).double()
    attention.requires_grad_(requires_grad=False)
    memory = random_tensor(2, 5, 7)
    mask = torch.tensor([[True] * 5, [True] * 2 + [False] * 3])
    bias = padding_bias(mask, torch.float64) if has_padding else None
    beams = BeamRows(rows=torch.tensor([[0, 2], [1, 1]]), places=torch.tensor([0, 2, 1]))
    x = random_tensor(3, 1, 12, seed=1)
    together = attention(x, attention.keys_values(memory), bias=bias, beams=beams)
    for row, source in enumerate([0, 1, 0]):
        alone = attention(
            x[row : row + 1],
            attention.keys_values(memory[source : source + 1]),
            bias=None if bias is None else bias[source : source + 1],
        )
        torch.testing.assert_close(together[row], alone[0])


@pytest.mark.parametrize("queries", [1, MANY])
@pytest.mark.parametrize("scale", [0.125, 1.0, 3.0])
def test_another_scale_multiplies_the_scores(queries: int, scale: float) -> None:
    query, key, value = (random_tensor(2, 2, n, 4, seed=n) for n in (queries, 5, 6))
    value = value[:, :, :5]
    expected = (scale * query @ key.transpose(-2, -1)).softmax(dim=-1)
    torch.testing.assert_close(attention_weights(query, key, scale=scale), expected)
    torch.testing.assert_close(attend(query, key, value, scale=scale), expected @ value)


@pytest.mark.parametrize("queries", [1, MANY])
def test_a_softcap_squeezes_scores_before_the_bias(queries: int) -> None:
    query, key, value = (
        10 * random_tensor(1, 2, n, 4, seed=seed) for seed, n in enumerate((queries, 5, 5))
    )
    bias = random_tensor(queries, 5, seed=4)
    bias[:, 3] = MASKED
    scores = 2.0 * torch.tanh(query @ key.transpose(-2, -1) / 2 / 2.0)
    expected = (scores + bias).softmax(dim=-1)
    weights = attention_weights(query, key, bias=bias, softcap=2.0)
    torch.testing.assert_close(weights, expected)
    assert not weights[..., 3].any()
    torch.testing.assert_close(attend(query, key, value, bias=bias, softcap=2.0), expected @ value)


def test_no_score_is_beyond_the_softcap() -> None:
    """Therefore no weight is more than exp(2 * softcap) times another."""
    query, key = 1_000 * random_tensor(1, 1, 20, 4), random_tensor(1, 1, 9, 4, seed=1)
    weights = attention_weights(query, key, softcap=1.5)
    assert (weights.amax(dim=-1) / weights.amin(dim=-1)).max() <= torch.tensor(3.0).exp() + 1e-9


def test_a_softcap_far_above_the_scores_does_nothing() -> None:
    query, key = random_tensor(1, 1, 5, 4), random_tensor(1, 1, 9, 4, seed=1)
    torch.testing.assert_close(
        attention_weights(query, key, softcap=1e6), attention_weights(query, key)
    )
