"""Scaled dot-product attention, and the two sublayers that are made of it.

Attention lets each position read from others. A position asks with a *query*; every position it may
read offers a *key*, compared with the query, and a *value*, which is read. The output of a query
is the mean of the values, weighted by how well their keys match it:

    Attention(Q, K, V) = softmax(Q K^T / sqrt(d_head) + bias) V

    Q K^T    (queries, keys)    a score for each pair: the dot product of query and key
    softmax  along the keys     makes each row of scores weights between 0 and 1 that sum to 1
    ... V    (queries, d_head)  the weighted means

That is equation 1 of "Attention Is All You Need" (Vaswani et al., 2017) and, as `bias`, the mask of
its section 3.2.3. A bias of -inf makes a weight exactly 0: it masks padding and, in the decoder,
the future (`masks.py`). The division by sqrt(d_head) keeps the variance of the scores at 1: the
dot product of two vectors of d_head independent numbers of variance 1 has the variance d_head.
With larger scores softmax puts nearly all weight on one key, where its gradient vanishes.

Multi-head attention (section 3.2.2) does this several times side by side, each head on its own
d_head of the d_model numbers of a position. Self-attention takes queries, keys and values from one
sequence, cross-attention takes the queries from the target and the rest from the source.

Decoding adds one target position at a time. Keys and values of earlier positions do not change, so
a cache (`KVStore`) keeps them, and a step computes only the new position's. Those of the source are
computed once for each request (`Memory`). Both are in `memory.py`.

Checkpoints vary the formula: another scale, a bias by distance or a rotation by position
(`positions.py`), a softcap on the scores, several query heads for each head of keys and values.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.config import Heads
from model.transformer.memory import BeamRows, KeysValues, KVStore
from model.transformer.positions import Rotation, rotate

# Up to this many queries, two matrix products on a CPU take about half the time of PyTorch's fused
# kernel, which is made for many (32 rows of 40 keys: 0.26 against 0.58 ms). With gradients the
# products win at any length: in bfloat16, forwards and backwards, 20 rows of 215 queries and keys
# took 18 ms, the fused kernel 45, PyTorch's unfused one 55.
_FEW_QUERIES = 8

# Receives attention weights, (batch, heads, queries, keys), where somebody wants to see them.
Watch = Callable[[Tensor], None]


def attention_weights(
    query: Tensor,
    key: Tensor,
    *,
    scale: float | None = None,
    bias: Tensor | None = None,
    softcap: float | None = None,
) -> Tensor:
    """Return softmax(scale * Q K^T + bias), the weight of each key for each query.

    Every row sums to 1. Scores of any size are safe: `softmax` subtracts each row's largest before
    it exponentiates. A row whose keys are all masked is NaN: leave each query at least one key.

    Args:
        query: (batch, heads, queries, d_head).
        key: (batch, heads, keys, d_head).
        scale: factor of the scores; None is 1 / sqrt(d_head).
        bias: broadcastable to (batch, heads, queries, keys), added to the scores; -inf masks a
            key.
        softcap: bound of the scores, before the bias: softcap * tanh(score / softcap).

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
    """Return `attention_weights(query, key) @ value`, by the fastest kernel for these sizes.

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
    is_fusible = softcap is None  # the fused kernel has no such argument
    is_plain_faster = query.device.type == "cpu" and (
        query.shape[2] <= _FEW_QUERIES or query.requires_grad
    )
    if is_plain_faster or not is_fusible:
        weights = attention_weights(query, key, scale=scale, bias=bias, softcap=softcap)
        return weights @ value
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=scale)


def attend_by_groups(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    heads: Heads,
    bias: Tensor | None,
    watch: Watch | None = None,
) -> Tensor:
    """Return `attend`, for query heads that may share heads of keys and values.

    This is grouped-query attention (Ainslie et al., 2023). The queries of a group are laid side by
    side, like more queries of one head, so that its keys and values are read once.

    Args:
        query: (batch, heads, queries, d_head).
        key: (batch, kv heads, keys, d_head).
        value: (batch, kv heads, keys, d_head).
        heads: their numbers, and scale and softcap of the scores.
        bias: as in `attend`, but the same for all heads of a group.
        watch: receives the weights, which the fused kernel never has in memory.

    Returns:
        (batch, heads, queries, d_head).
    """
    batch, _, num_queries, size = query.shape
    group = heads.num // heads.num_kv
    if group > 1:
        query = query.reshape(batch, heads.num_kv, group * num_queries, size)
        if bias is not None and bias.shape[-2] > 1:
            bias = bias.repeat(1, 1, group, 1)
    if watch is None:
        output = attend(query, key, value, scale=heads.scale, bias=bias, softcap=heads.softcap)
    else:
        weights = attention_weights(query, key, scale=heads.scale, bias=bias, softcap=heads.softcap)
        watch(weights.reshape(batch, heads.num, num_queries, key.shape[2]))
        output = weights @ value
    return output.reshape(batch, heads.num, num_queries, size)


def split_heads(x: Tensor, d_head: int) -> Tensor:
    """Return a view of x, (batch, length, heads * d_head), as (batch, heads, length, d_head)."""
    batch, length, width = x.shape
    return x.view(batch, length, width // d_head, d_head).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """Return x, (batch, heads, length, d_head), laid out as (batch, length, heads * d_head)."""
    return x.transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Attention of each position to the positions of its own sequence."""

    def __init__(self, d_model: int, heads: Heads) -> None:
        super().__init__()
        self.heads = heads
        # One matrix product for queries, keys and values instead of three.
        self.qkv = nn.Linear(d_model, heads.d_query + 2 * heads.d_kv, bias=heads.bias)
        self.out = nn.Linear(heads.d_query, d_model, bias=heads.bias)

    def forward(
        self,
        x: Tensor,
        *,
        bias: Tensor | None,
        rotation: Rotation | None = None,
        store: KVStore | None = None,
        watch: Watch | None = None,
    ) -> Tensor:
        """Return the output for each position of x.

        Args:
            x: (batch, queries, d_model); with a store, the new positions only.
            bias: added to the scores, -inf to mask; broadcastable to (batch, heads, queries,
                keys).
            rotation: angles of the queries' positions; None without rotary positions.
            store: the cache of earlier positions; None when x holds them all.
            watch: receives the weights.

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
        attended = attend_by_groups(query, key, value, heads=heads, bias=bias, watch=watch)
        return self.out(merge_heads(attended).to(x.dtype))


class CrossAttention(nn.Module):
    """Attention of each target position to the source."""

    def __init__(self, d_model: int, heads: Heads, *, d_memory: int | None = None) -> None:
        """Make the projections; d_memory is the width of the encoder's output, None is d_model."""
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(d_model, heads.d_query, bias=heads.bias)
        self.kv = nn.Linear(d_memory or d_model, 2 * heads.d_kv, bias=heads.bias)
        self.out = nn.Linear(heads.d_query, d_model, bias=heads.bias)

    def keys_values(self, memory: Tensor) -> KeysValues:
        """Return keys and values of the encoder's output; memory: (sources, keys, d_memory)."""
        key, value = (split_heads(y, self.heads.size) for y in self.kv(memory).chunk(2, dim=-1))
        return key, value

    def forward(
        self,
        x: Tensor,
        keys_values: KeysValues,
        *,
        bias: Tensor | None,
        beams: BeamRows | None = None,
        watch: Watch | None = None,
    ) -> Tensor:
        """Return the output for each target position.

        The beams of one source are laid side by side as its queries, so that its keys and values
        are read once for all of them.

        Args:
            x: (batch, queries, d_model); with `beams`, queries is 1.
            keys_values: this layer's, of `Memory`.
            bias: of `Memory`.
            beams: of `Memory`.
            watch: receives the weights; with `beams`, those of each source.

        Returns:
            (batch, queries, d_model).
        """
        key, value = keys_values
        query = self.q(x)
        if beams is not None:
            query = query[:, 0][beams.rows]  # (sources, beams, heads * d_head)
        query = split_heads(query, self.heads.size).to(key.dtype)
        attended = attend_by_groups(query, key, value, heads=self.heads, bias=bias, watch=watch)
        attended = merge_heads(attended).to(x.dtype)
        if beams is not None:
            attended = attended.flatten(0, 1)[beams.places][:, None]
        return self.out(attended)
