"""Scaled dot-product attention, and the two sublayers that are made of it.

Attention lets every position look at others and take what it needs from them. A position asks
with a *query*; every position it may look at offers a *key* (what it can be found by) and a *value*
(what it gives). The answer is the average of the values, weighted by how well query and key agree:

    Attention(Q, K, V) = softmax(Q K^T / sqrt(d_head)) V

which is equation 1 of "Attention Is All You Need" (Vaswani et al., 2017). Multi-head attention
(section 3.2.2 there) does this several times side by side, each head on its own slice of the width.

Some checkpoints vary this: another scale than 1 / sqrt(d_head), a bias on the scores by distance or
queries and keys rotated by their position (`positions.py`), scores squeezed by a softcap, several
query heads that share one head of keys and values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.config import Heads
from model.transformer.positions import Rotation, rotate

HIDDEN = float("-inf")  # added to a score, it makes the softmax weight exactly 0

# With so few queries a CPU reads keys and values about twice as fast by two matrix products as by
# PyTorch's fused kernel, which is made for many (32 rows of 40 keys: 0.26 against 0.58 ms). Where
# gradients are wanted the products win at any length: in bfloat16, forwards and backwards, 20 rows
# of 215 queries and keys took 18 ms, the fused kernel 45, PyTorch's unfused one 55.
_FEW_QUERIES = 8

KeysValues = tuple[Tensor, Tensor]  # each (batch, heads, keys, d_head)


class KVStore(Protocol):
    """Keys and values of earlier target positions, kept between decoding steps."""

    def num_keys(self, num_queries: int) -> int:
        """How many positions `append` returns when given that many new ones."""
        ...

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


def attention_weights(
    query: Tensor,
    key: Tensor,
    *,
    scale: float | None = None,
    bias: Tensor | None = None,
    softcap: float | None = None,
) -> Tensor:
    """How much each query takes from each key; every row sums to 1.

    Scores of any size are safe: `softmax` subtracts each row's largest before it exponentiates. A
    row whose keys are all hidden has no answer and gives NaN, so no caller may hide them all.

    Args:
        query: (batch, heads, queries, d_head).
        key: (batch, heads, keys, d_head).
        scale: of the scores; None is 1 / sqrt(d_head), as the scores of long vectors would be so
            large that softmax had hardly a gradient.
        bias: broadcastable to (batch, heads, queries, keys), added to the scores; -inf hides a
            key.
        softcap: squeezes the scores between -softcap and softcap, before the bias.

    Returns:
        (batch, heads, queries, keys).
    """
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    scores = (query * scale) @ key.transpose(-2, -1)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if bias is not None:
        scores = scores + bias.to(scores.dtype)  # autocast would make them float32 again
    return scores.softmax(dim=-1)


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    scale: float | None = None,
    bias: Tensor | None = None,
    softcap: float | None = None,
) -> Tensor:
    """Scaled dot-product attention: `attention_weights(query, key) @ value`.

    Args:
        query: (batch, heads, queries, d_head).
        key: (batch, heads, keys, d_head).
        value: (batch, heads, keys, d_head).
        scale: as in `attention_weights`.
        bias: as in `attention_weights`, of the query's dtype.
        softcap: as in `attention_weights`.

    Returns:
        (batch, heads, queries, d_head).
    """
    is_fusible = softcap is None  # the fused kernel knows no cap
    is_plain_faster = query.device.type == "cpu" and (
        query.shape[2] <= _FEW_QUERIES or query.requires_grad
    )
    if is_plain_faster or not is_fusible:
        weights = attention_weights(query, key, scale=scale, bias=bias, softcap=softcap)
        return weights @ value
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=scale)


def attend_by_groups(
    query: Tensor, key: Tensor, value: Tensor, *, heads: Heads, bias: Tensor | None
) -> Tensor:
    """`attend`, where several query heads may share a head of keys and values.

    The queries of those that share stand side by side, like more queries of one head, so that keys
    and values are read once for all of them (grouped-query attention; Ainslie et al., 2023).

    Args:
        query: (batch, heads, queries, d_head).
        key: (batch, kv heads, keys, d_head).
        value: (batch, kv heads, keys, d_head).
        heads: how many of each, and how they compare.
        bias: as in `attend`; the same for heads that share.

    Returns:
        (batch, heads, queries, d_head).
    """
    if heads.num == heads.num_kv:
        return attend(query, key, value, scale=heads.scale, bias=bias, softcap=heads.softcap)
    batch, _, num_queries, size = query.shape
    group = heads.num // heads.num_kv
    side_by_side = query.reshape(batch, heads.num_kv, group * num_queries, size)
    if bias is not None and bias.shape[-2] > 1:
        bias = bias.repeat(1, 1, group, 1)
    answer = attend(side_by_side, key, value, scale=heads.scale, bias=bias, softcap=heads.softcap)
    return answer.reshape(batch, heads.num, num_queries, size)


def split_heads(x: Tensor, d_head: int) -> Tensor:
    """(batch, length, heads * d_head) seen as (batch, heads, length, d_head); no copy."""
    batch, length, width = x.shape
    return x.view(batch, length, width // d_head, d_head).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(batch, heads, length, d_head) laid out again as (batch, length, heads * d_head)."""
    return x.transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Each position looks at the positions of its own sequence."""

    def __init__(self, d_model: int, heads: Heads) -> None:
        super().__init__()
        self.heads = heads
        # One matrix product instead of three.
        self.qkv = nn.Linear(d_model, heads.d_query + 2 * heads.d_kv, bias=heads.bias)
        self.out = nn.Linear(heads.d_query, d_model, bias=heads.bias)

    def forward(
        self,
        x: Tensor,
        *,
        bias: Tensor | None,
        rotation: Rotation | None = None,
        store: KVStore | None = None,
    ) -> Tensor:
        """The positions ask each other.

        Args:
            x: (batch, queries, d_model); with a store, only new positions.
            bias: hides positions, or adds to their scores; broadcastable to (batch, heads,
                queries, keys).
            rotation: the angles of the queries' positions, if they are to be turned.
            store: where earlier positions are kept; None when x holds them all.

        Returns:
            (batch, queries, d_model).
        """
        heads = self.heads
        widths = (heads.d_query, heads.d_kv, heads.d_kv)
        query, key, value = (split_heads(y, heads.size) for y in self.qkv(x).split(widths, dim=-1))
        if rotation is not None:
            query, key = rotate(query, rotation), rotate(key, rotation)
        if store is not None:
            key, value = store.append(key, value)
        query = query.to(key.dtype)
        bias = None if bias is None else bias.to(key.dtype)
        attended = attend_by_groups(query, key, value, heads=heads, bias=bias)
        return self.out(merge_heads(attended).to(x.dtype))


class CrossAttention(nn.Module):
    """Each target position looks at the source, through keys and values made once per request."""

    def __init__(self, d_model: int, heads: Heads, *, d_memory: int | None = None) -> None:
        """d_memory is the width of the encoder's output; None is d_model."""
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(d_model, heads.d_query, bias=heads.bias)
        self.kv = nn.Linear(d_memory or d_model, 2 * heads.d_kv, bias=heads.bias)
        self.out = nn.Linear(heads.d_query, d_model, bias=heads.bias)

    def keys_values(self, memory: Tensor) -> KeysValues:
        """What the source offers; memory: (sources, keys, d_model), from the encoder."""
        key, value = (split_heads(y, self.heads.size) for y in self.kv(memory).chunk(2, dim=-1))
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
        query = split_heads(query, self.heads.size).to(key.dtype)
        answer = attend_by_groups(query, key, value, heads=self.heads, bias=bias)
        answer = merge_heads(answer).to(x.dtype)
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


def reach_bias(distance: Tensor, reach: int, *, dtype: torch.dtype) -> Tensor:
    """Hides what is farther away than a sliding window reaches.

    Not by -inf but by a number so low that it has the same effect: where padding is hidden, too, a
    padded position may have nothing but padding within reach, and a row must not be hidden whole.

    Args:
        distance: (batch or 1, queries, keys) int64, the key's position minus the query's.
        reach: the farthest that is seen, in tokens to either side.
        dtype: of the scores it will be added to.

    Returns:
        (batch or 1, 1, queries, keys).
    """
    bias = torch.zeros(distance.shape, dtype=dtype, device=distance.device)
    # Half of the lowest number: a score can be added to it and the sum is still one.
    return bias.masked_fill_(distance.abs() > reach, torch.finfo(dtype).min / 2)[:, None]


def causal_bias(length: int, *, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Hides the future: position i sees positions 0 to i. Returns (length, length)."""
    bias = torch.full((length, length), HIDDEN, dtype=dtype, device=device)
    return bias.triu_(diagonal=1)
