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

# With so few queries a CPU reads keys and values about twice as fast by two matrix products as by
# PyTorch's fused kernel, which is made for many (32 rows of 40 keys: 0.26 against 0.58 ms). Where
# gradients are wanted the products win at any length: in bfloat16, forwards and backwards, 20 rows
# of 215 queries and keys took 18 ms, the fused kernel 45, PyTorch's unfused one 55.
_FEW_QUERIES = 8

KeysValues = tuple[Tensor, Tensor]  # each (batch, heads, keys, d_head)


class KVStore(Protocol):
    """Keys and values of earlier target positions, kept between decoding steps."""

    def append(self, key: Tensor, value: Tensor) -> KeysValues:
        """Stores those of the new positions and returns all so far.

        Args:
            key: (batch, heads, queries, d_head).
            value: (batch, heads, queries, d_head).
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

    keys_values: for each decoder layer; the batch of `KeysValues` are the sources.
    bias: hides padding, (sources, 1, 1, keys); None when there is none.
    fan: None when hypothesis i looks at source i.
    """

    keys_values: Sequence[KeysValues]
    bias: Tensor | None = None
    fan: Fan | None = None


def attention_weights(query: Tensor, key: Tensor, *, bias: Tensor | None = None) -> Tensor:
    """How much each query takes from each key; every row sums to 1.

    Scores of any size are safe: `softmax` subtracts each row's largest before it exponentiates. A
    row whose keys are all hidden has no answer and gives NaN, so no caller may hide them all.

    Args:
        query: (batch, heads, queries, d_head).
        key: (batch, heads, keys, d_head).
        bias: broadcastable to (batch, heads, queries, keys), added to the scores; -inf hides a
            key.

    Returns:
        (batch, heads, queries, keys).
    """
    scores = (query / math.sqrt(query.shape[-1])) @ key.transpose(-2, -1)
    if bias is not None:
        scores = scores + bias.to(scores.dtype)  # autocast would make them float32 again
    return scores.softmax(dim=-1)


def attend(query: Tensor, key: Tensor, value: Tensor, *, bias: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention: `attention_weights(query, key) @ value`.

    Args:
        query: (batch, heads, queries, d_head).
        key: (batch, heads, keys, d_head).
        value: (batch, heads, keys, d_head).
        bias: as in `attention_weights`, of the query's dtype.

    Returns:
        (batch, heads, queries, d_head).
    """
    is_plain_faster = query.shape[2] <= _FEW_QUERIES or query.requires_grad
    if is_plain_faster and query.device.type == "cpu":
        return attention_weights(query, key, bias=bias) @ value
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """(batch, length, d_model) seen as (batch, heads, length, d_head); no copy."""
    batch, length, d_model = x.shape
    return x.view(batch, length, num_heads, d_model // num_heads).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(batch, heads, length, d_head) laid out again as (batch, length, d_model)."""
    return x.transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Each position looks at the positions of its own sequence."""

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(d_model, 3 * d_model)  # one matrix product instead of three
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor, *, bias: Tensor | None, store: KVStore | None = None) -> Tensor:
        """x and the result: (batch, queries, d_model); with a store, x holds only new positions."""
        query, key, value = (split_heads(y, self.num_heads) for y in self.qkv(x).chunk(3, dim=-1))
        if store is not None:
            key, value = store.append(key, value)
        attended = attend(query.to(key.dtype), key, value, bias=bias)
        return self.out(merge_heads(attended).to(x.dtype))


class CrossAttention(nn.Module):
    """Each target position looks at the source, through keys and values made once per request."""

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q = nn.Linear(d_model, d_model)
        self.kv = nn.Linear(d_model, 2 * d_model)
        self.out = nn.Linear(d_model, d_model)

    def keys_values(self, memory: Tensor) -> KeysValues:
        """What the source offers; memory: (sources, keys, d_model), from the encoder."""
        key, value = (split_heads(y, self.num_heads) for y in self.kv(memory).chunk(2, dim=-1))
        return key, value

    def forward(
        self,
        x: Tensor,
        keys_values: KeysValues,
        *,
        bias: Tensor | None,
        fan: Fan | None = None,
    ) -> Tensor:
        """The target positions ask the source.

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
        key, value = keys_values
        query = self.q(x)
        if fan is not None:
            query = query[:, 0][fan.rows_of]
        query = split_heads(query, self.num_heads).to(key.dtype)
        answer = merge_heads(attend(query, key, value, bias=bias)).to(x.dtype)
        if fan is not None:
            answer = answer.flatten(0, 1)[fan.place_of][:, None]
        return self.out(answer)


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
