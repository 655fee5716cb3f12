"""Scaled dot-product attention, and the two sublayers that are made of it.

Attention lets every position look at others and take what it needs from them. A position asks
with a *query*; every position it may look at offers a *key* (what it can be found by) and a *value*
(what it gives). The answer is the average of the values, weighted by how well query and key agree:

    Attention(Q, K, V) = softmax(Q K^T / sqrt(d_head)) V

which is equation 1 of "Attention Is All You Need" (Vaswani et al., 2017). Multi-head attention
(section 3.2.2 there) does this several times side by side, each head on its own slice of the width.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HIDDEN = float("-inf")  # added to a score, it makes the softmax weight exactly 0


class KVStore(Protocol):
    """Keys and values of earlier target positions, kept between decoding steps."""

    def append(self, keys_values: Tensor) -> Tensor:
        """Stores the new positions and returns all so far.

        Args:
            keys_values: (batch, queries, 2 * d_model), the keys and then the values.

        Returns:
            (batch, keys, 2 * d_model), views of the store where possible.
        """
        ...


@dataclass(frozen=True, slots=True)
class Fan:
    """Which hypotheses look at which source, where several share one (beams of a request).

    rows_of: (sources, width) int64, the hypotheses of each source; short lists repeat their last.
    place_of: (hypotheses,) int64, where in the flattened `rows_of` each hypothesis stands.
    """

    rows_of: Tensor
    place_of: Tensor


@dataclass(frozen=True, slots=True)
class Memory:
    """The source, as the decoder's cross-attention reads it.

    keys_values: for each decoder layer (sources, keys, 2 * d_model).
    bias: hides padding, (sources, 1, 1, keys); None when there is none.
    fan: None when hypothesis i looks at source i.
    """

    keys_values: Sequence[Tensor]
    bias: Tensor | None = None
    fan: Fan | None = None


def attention_weights(query: Tensor, key: Tensor, *, bias: Tensor | None = None) -> Tensor:
    """How much each query takes from each key; every row sums to 1.

    The softmax subtracts each row's largest score before it exponentiates, so scores of any size
    are safe. A row whose keys are all hidden has no answer and gives NaN: hide none completely.

    Args:
        query: (batch, heads, queries, d_head).
        key: (batch, heads, keys, d_head).
        bias: broadcastable to (batch, heads, queries, keys), added to the scores; -inf hides a key.

    Returns:
        (batch, heads, queries, keys).
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if bias is not None:
        scores = scores + bias
    scores = scores - scores.amax(dim=-1, keepdim=True)
    exponentials = scores.exp()
    return exponentials / exponentials.sum(dim=-1, keepdim=True)


def attend(query: Tensor, key: Tensor, value: Tensor, *, bias: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention: `attention_weights(query, key) @ value`, in one fused kernel.

    Args:
        query: (batch, heads, queries, d_head).
        key: (batch, heads, keys, d_head).
        value: (batch, heads, keys, d_head).
        bias: as in `attention_weights`, of the query's dtype.

    Returns:
        (batch, heads, queries, d_head).
    """
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """(batch, length, d_model) seen as (batch, heads, length, d_head); no copy."""
    batch, length, d_model = x.shape
    return x.view(batch, length, num_heads, d_model // num_heads).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(batch, heads, length, d_head) laid out again as (batch, length, d_model)."""
    return x.transpose(1, 2).flatten(2)


def multi_head(query: Tensor, keys_values: Tensor, *, num_heads: int, bias: Tensor | None) -> Tensor:
    """Attention in `num_heads` independent slices of the width.

    Args:
        query: (batch, queries, d_model).
        keys_values: (batch, keys, 2 * d_model), the keys and then the values.
        num_heads: how many slices.
        bias: as in `attention_weights`.

    Returns:
        (batch, queries, d_model), computed in the precision of keys_values.
    """
    key, value = keys_values.chunk(2, dim=-1)
    heads = (split_heads(x, num_heads) for x in (query.to(key.dtype), key, value))
    return merge_heads(attend(*heads, bias=bias)).to(query.dtype)


class SelfAttention(nn.Module):
    """Each position looks at the positions of its own sequence."""

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(d_model, 3 * d_model)  # one matrix product instead of three
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor, *, bias: Tensor | None, store: KVStore | None = None) -> Tensor:
        """x and the result: (batch, queries, d_model); with a store, x holds only new positions."""
        d_model = x.shape[-1]
        query, keys_values = self.qkv(x).split([d_model, 2 * d_model], dim=-1)
        if store is not None:
            keys_values = store.append(keys_values)
        return self.out(multi_head(query, keys_values, num_heads=self.num_heads, bias=bias))


class CrossAttention(nn.Module):
    """Each target position looks at the source, through keys and values made once per request."""

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q = nn.Linear(d_model, d_model)
        self.kv = nn.Linear(d_model, 2 * d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(
        self, x: Tensor, keys_values: Tensor, *, bias: Tensor | None, fan: Fan | None = None
    ) -> Tensor:
        """One target position, or all of them, asks the source.

        With a fan, the hypotheses of one source become queries side by side, so its keys and values
        are read once for all of them.

        Args:
            x: (batch, queries, d_model); queries is 1 with a fan.
            keys_values: this layer's of `Memory`.
            bias: of `Memory`.
            fan: of `Memory`.

        Returns:
            (batch, queries, d_model).
        """
        query = self.q(x)
        if fan is None:
            return self.out(multi_head(query, keys_values, num_heads=self.num_heads, bias=bias))
        side_by_side = query[:, 0][fan.rows_of]
        answers = multi_head(side_by_side, keys_values, num_heads=self.num_heads, bias=bias)
        return self.out(answers.flatten(0, 1)[fan.place_of][:, None])


def padding_bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Hides padded keys.

    Args:
        mask: (batch, keys) bool, True where there is a token.
        dtype: of the scores it will be added to.

    Returns:
        (batch, 1, 1, keys): 0 for tokens, -inf for padding.
    """
    bias = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
    return bias.masked_fill_(~mask, HIDDEN)[:, None, None, :]


def causal_bias(length: int, *, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Hides the future: position i sees positions 0 to i. Returns (length, length)."""
    bias = torch.full((length, length), HIDDEN, dtype=dtype, device=device)
    return bias.triu_(diagonal=1)
