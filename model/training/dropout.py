"""A dropout with cheap random numbers."""

import torch
from torch import Tensor, nn

_LEVELS = 256  # a random byte per number: the rate is rounded to 1/256


class ByteDropout(nn.Module):
    """Dropout from random bytes, eight to each draw.

    PyTorch's draws one float64 per number, on a CPU in one thread: half of the time of a step.
    """

    def __init__(self, rate: float) -> None:
        """Round the rate.

        Args:
            rate: The share of numbers that become 0, between 0 and 1.
        """
        super().__init__()
        self.num_dropped = round(rate * _LEVELS)  # of the 256 values of a byte
        self.scale = _LEVELS / (_LEVELS - self.num_dropped)

    def forward(self, x: Tensor) -> Tensor:
        """x and the result: any shape, with equal expectation."""
        if not self.training or self.num_dropped == 0:
            return x
        draws = torch.empty(-(-x.numel() // 8), dtype=torch.int64, device=x.device)
        draws.random_(torch.iinfo(torch.int64).min, None)
        random_bytes = draws.view(torch.uint8)[: x.numel()].view(x.shape)
        return x * (random_bytes >= self.num_dropped) * self.scale


def use_byte_dropout(network: nn.Module) -> None:
    """Replace every `nn.Dropout` inside a network."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Dropout):
                setattr(module, name, ByteDropout(child.p))
