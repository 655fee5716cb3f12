"""Masks: padding, positions outside a window and the future get a weight of exactly 0."""

import pytest
import torch

from model.transformer.attention import attend, attention_weights
from model.transformer.masks import MASKED, causal_bias, padding_bias, reach_bias


def test_padding_is_masked_and_tokens_are_not() -> None:
    mask = torch.tensor([[True, True, False], [True, False, False]])
    bias = padding_bias(mask, torch.float32)
    assert bias.shape == (2, 1, 1, 3)
    assert bias[:, 0, 0].tolist() == [[0, 0, MASKED], [0, MASKED, MASKED]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_a_key_outside_the_window_has_a_weight_of_exactly_0(dtype: torch.dtype) -> None:
    distance = torch.arange(5)[None, None] - torch.arange(5)[None, :, None]
    query = torch.zeros(1, 1, 5, 4, dtype=dtype)
    weights = attention_weights(query, query, bias=reach_bias(distance, 1, dtype=dtype))
    assert (weights[0, 0] > 0).tolist() == (distance[0].abs() <= 1).tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_a_padded_position_with_only_padding_in_its_window_has_a_finite_output(
    dtype: torch.dtype,
) -> None:
    padding = padding_bias(torch.tensor([[True, False, False, False]]), dtype)
    distance = torch.arange(4)[None, None] - torch.arange(4)[None, :, None]
    query, value = torch.full((2, 1, 1, 4, 4), -3.0, dtype=dtype)
    bias = padding + reach_bias(distance, 1, dtype=dtype)
    assert attend(query, query, value, bias=bias).isfinite().all()


def test_the_causal_bias_masks_the_future() -> None:
    bias = causal_bias(3, dtype=torch.float32, device=torch.device("cpu"))
    assert bias.tolist() == [[0, MASKED, MASKED], [0, 0, MASKED], [0, 0, 0]]
