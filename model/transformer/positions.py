"""Positions: how attention, which by itself sees a set of tokens, learns their order.

Sinusoidal, Learned   a vector for each position, added to the token's embedding
RelativeBias          a number for each distance, added to the scores of self-attention
Rotary                queries and keys rotated by an angle for each position, so that their
                      product depends on the distance alone
"""

import math

import torch
from torch import Tensor, nn

from model.config import Learned, RelativeBias, Rotary, Sinusoidal

Rotation = tuple[Tensor, Tensor]  # cosines and sines, each (batch or 1, 1, length, d_head)


def sinusoids(num_positions: int, d_model: int) -> Tensor:
    """Return sines and cosines of geometric wavelengths (Vaswani et al., 2017, 3.5).

    Dimension i of the first half is sin(position / 10000^(2i/d_model)), of the second half the
    cosine. The paper interleaves the two; Marian's checkpoints keep them in halves. With an odd
    width the sines have the extra dimension.

    Returns:
        (num_positions, d_model), float32, computed in float64.
    """
    num_sines = math.ceil(d_model / 2)
    exponents = 2 * torch.arange(num_sines, dtype=torch.float64) / d_model
    angles = torch.arange(num_positions, dtype=torch.float64)[:, None] / 10_000.0**exponents
    halves = [angles.sin(), angles[:, : d_model - num_sines].cos()]
    return torch.cat(halves, dim=1).float()


def sinusoids_by_span(num_positions: int, d_model: int) -> Tensor:
    """Return the sinusoids of tensor2tensor and fairseq.

    The last dimension of each half has the longest wavelength: the exponent of dimension i is
    i / (d_model/2 - 1), not 2i / d_model. An odd width ends in a column of zeros.

    Returns:
        (num_positions, d_model), float32, computed in float32 as in the original training code.
    """
    half = d_model // 2
    rates = torch.exp(torch.arange(half).float() * -(math.log(10_000) / (half - 1)))
    angles = torch.arange(num_positions).float()[:, None] * rates[None]
    table = torch.cat([angles.sin(), angles.cos()], dim=1)
    return nn.functional.pad(table, (0, d_model - 2 * half))


_SINUSOIDS = {"half": sinusoids, "half_minus_one": sinusoids_by_span}


class PositionEmbedding(nn.Module):
    """Table of position vectors, fixed or learned."""

    weight: Tensor  # (max_positions + offset, d_model): a parameter if learned, else a buffer

    def __init__(self, kind: Sinusoidal | Learned, *, max_positions: int, d_model: int) -> None:
        super().__init__()
        self.kind = kind
        self.max_positions = max_positions
        match kind:
            case Sinusoidal():
                self.offset = 0
                self.register_buffer(
                    "weight", torch.empty(max_positions, d_model), persistent=False
                )
            case Learned(offset=offset):
                self.offset = offset
                self.weight = nn.Parameter(torch.empty(max_positions + offset, d_model))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Compute the sinusoids, or draw a random table to be learned."""
        if isinstance(self.kind, Learned):
            nn.init.normal_(self.weight, std=0.02)
        elif not self.weight.is_meta:
            first, (num_positions, d_model) = self.kind.first, self.weight.shape
            table = _SINUSOIDS[self.kind.spacing](first + num_positions, d_model)
            self.weight.copy_(table[first:])

    def forward(self, positions: Tensor) -> Tensor:
        """positions: int64 of any shape, counted from 0; returns that shape + (d_model,)."""
        return nn.functional.embedding(positions + self.offset, self.weight)


def relative_buckets(distance: Tensor, kind: RelativeBias, *, bidirectional: bool) -> Tensor:
    """Return the bucket of each distance: exact, then logarithmic (Raffel et al., 2020, 2.1).

        8 buckets up to distance 20, one direction:
        distance back   0  1  2  3  4  5  6  7  8 ... 13 ... 20 ...
        bucket          0  1  2  3  4  4  5  5  5      6      7 ...

    Args:
        distance: int64, the key's position minus the query's.
        kind: The number of buckets, and the distance from which on all share the last.
        bidirectional: Half of the buckets are for keys after the query; else such keys have 0.

    Returns:
        int64, of the same shape.
    """
    num_buckets = kind.num_buckets // 2 if bidirectional else kind.num_buckets
    offset = num_buckets * (distance > 0) if bidirectional else 0
    steps = distance.abs() if bidirectional else (-distance).clamp_min(0)
    num_exact = num_buckets // 2
    ratio = torch.log(steps.clamp_min(1).float() / num_exact)
    ratio = ratio / math.log(kind.max_distance / num_exact)
    far = num_exact + (ratio * (num_buckets - num_exact)).long()
    return offset + torch.where(steps < num_exact, steps, far.clamp_max(num_buckets - 1))


class RelativeBiasTable(nn.Module):
    """Table of the number that each head adds to a score, by distance."""

    def __init__(self, kind: RelativeBias, *, num_heads: int, bidirectional: bool) -> None:
        super().__init__()
        self.kind = kind
        self.bidirectional = bidirectional
        self.weight = nn.Parameter(torch.empty(kind.num_buckets, num_heads))
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, distance: Tensor) -> Tensor:
        """distance: (batch, queries, keys) int64; returns (batch, heads, queries, keys)."""
        buckets = relative_buckets(distance, self.kind, bidirectional=self.bidirectional)
        bias = nn.functional.embedding(buckets, self.weight).permute(0, 3, 1, 2)
        return bias.contiguous()  # read by many layers, in a third less time


def rotation(positions: Tensor, kind: Rotary, *, d_head: int) -> Rotation:
    """Return cosine and sine of each position's angles (RoPE; Su et al., 2021, equation 15).

    Args:
        positions: (batch or 1, length) int64, counted from 0.
        kind: The base of the wavelengths.
        d_head: The width of a head; dimension i is paired with i + d_head/2.
    """
    exponents = torch.arange(0, d_head, 2, device=positions.device).float() / d_head
    rates = (
        1.0 / kind.base**exponents
    )  # the order of operations of the training code, for equal rounding
    angles = (positions[..., None].float() * rates)[:, None].repeat(1, 1, 1, 2)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, by: Rotation) -> Tensor:
    """Return x, (batch, heads, length, d_head), rotated at each position by its angles."""
    cosines, sines = by
    first, second = x.chunk(2, dim=-1)
    turned = torch.cat([-second, first], dim=-1)
    return x * cosines.to(x.dtype) + turned * sines.to(x.dtype)
