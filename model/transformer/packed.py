"""Linear layers whose weights are laid out for the CPU's matrix kernels once, not at every call.

Decoding multiplies few rows by many weights, so reading and reordering the weights is the cost of a
step. On one core of a CPU with AVX-512 (VNNI and BF16), products of 1 to 32 rows took these parts
of the time of a plain bfloat16 `F.linear`: packed bfloat16 0.4 to 0.6, int8 (`int8.py`) 0.25 to
0.4.
"""

import torch
from torch import Tensor, nn

from model.config import Activation

_TYPICAL_ROWS = 32  # the layout is chosen for this number; any other works

# The names of activations for the kernel that fuses them with the product.
_FUSED = {
    Activation.RELU: ("relu", ""),
    Activation.GELU: ("gelu", "none"),
    Activation.GELU_TANH: ("gelu", "tanh"),
    Activation.SILU: ("swish", ""),
}


class PackedLinear(nn.Module):
    """`nn.Linear` in bfloat16 for inference, with oneDNN's own weight layout."""

    def __init__(
        self, weight: Tensor, bias: Tensor | None, *, activation: Activation | None = None
    ) -> None:
        super().__init__()
        self._fused = ("none", "") if activation is None else _FUSED[activation]
        self.weight = torch.ops.mkldnn._reorder_linear_weight(  # noqa: SLF001 - no public name
            weight.detach().contiguous(), _TYPICAL_ROWS
        )
        self.bias = None if bias is None else bias.detach()

    @staticmethod
    def is_available() -> bool:
        """Return whether this build of torch has the kernel, and this CPU bfloat16."""
        return (
            torch.backends.mkldnn.is_available()
            and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
            and torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001 - no public name
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., in) bfloat16; returns (..., out), after the activation if there is one."""
        return torch.ops.mkldnn._linear_pointwise(  # noqa: SLF001 - no public name
            x, self.weight, self.bias, self._fused[0], [], self._fused[1]
        )
