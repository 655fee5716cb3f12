"""How a transformer knows the order of tokens: a vector per position, added to the embedding."""

import math

import torch
from torch import Tensor, nn

from model.config import Learned, Positions, Sinusoidal


def sinusoids(num_positions: int, d_model: int) -> Tensor:
    """Sines and cosines of geometrically growing wavelengths (Vaswani et al., 2017, section 3.5).

    Dimension i of the first half is sin(position / 10000^(2i/d_model)), of the second half the
    cosine. The paper interleaves the two; checkpoints in Marian's format keep them in halves. With
    an odd width the sines have the extra dimension.

    Returns:
        (num_positions, d_model), float32, computed in float64.
    """
    num_sines = math.ceil(d_model / 2)
    exponents = 2 * torch.arange(num_sines, dtype=torch.float64) / d_model
    angles = torch.arange(num_positions, dtype=torch.float64)[:, None] / 10_000.0**exponents
    halves = [angles.sin(), angles[:, : d_model - num_sines].cos()]
    return torch.cat(halves, dim=1).float()


class PositionEmbedding(nn.Module):
    """The table of position vectors, fixed or learned."""

    weight: Tensor  # (max_positions + offset, d_model): a parameter if learned, else a buffer

    def __init__(self, kind: Positions, *, max_positions: int, d_model: int) -> None:
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
        """Computes the sinusoids, or draws a learned table."""
        if isinstance(self.kind, Learned):
            nn.init.normal_(self.weight, std=0.02)
        elif not self.weight.is_meta:
            self.weight.copy_(sinusoids(*self.weight.shape))

    def forward(self, positions: Tensor) -> Tensor:
        """positions: int64 of any shape, counted from 0; returns that shape + (d_model,)."""
        return nn.functional.embedding(positions + self.offset, self.weight)
