"""Linear layers whose weights are laid out for the CPU's matrix kernels once, not at every call.

Decoding multiplies few rows with many weights, so a step costs what reading and preparing the
weights costs. On one core of a CPU with AVX-512 (VNNI and BF16), products of 1 to 32 rows took, of
the time of a plain bfloat16 `F.linear`: packed bfloat16 0.4 to 0.6, packed int8 0.25 to 0.4.
"""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from model.config import Activation
from model.transformer.layers import FeedForward
from model.transformer.seq2seq import Seq2SeqTransformer

_TYPICAL_ROWS = 32  # what the bfloat16 layout is chosen for; any number of rows may come
_INT8_LIMIT = 127
_INT8_ZERO = 128  # activations are unsigned to the kernels
_INT8_ENGINE = "fbgemm"

MakeLinear = Callable[[Tensor, Tensor | None], nn.Module]


# What a non-linearity is called by the kernel that can apply it to a product at once.
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
        """Whether this build of torch, on this machine, has the kernel."""
        return (
            torch.backends.mkldnn.is_available()
            and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
            and torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001 - no public name
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., in) bfloat16; returns (..., out), through the activation if there is one."""
        return torch.ops.mkldnn._linear_pointwise(  # noqa: SLF001 - no public name
            x, self.weight, self.bias, self._fused[0], [], self._fused[1]
        )


class Int8Linear(nn.Module):
    """`nn.Linear` with int8 weights, one scale per output, and int8 activations, one scale per row.

    The kernel itself knows one scale for all rows. Each row is therefore divided by its own largest
    magnitude before, and multiplied by it after, so that no row's result depends on another row.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        weight = weight.detach().float()
        self.packed = _prepack_int8(weight, _scales(weight))
        self.bias = None if bias is None else bias.detach().float()

    @staticmethod
    def is_available() -> bool:
        """Whether this build of torch has the kernels, and this CPU the instructions.

        Without VNNI, pairs of 8-bit products are summed in 16 bits, which overflows silently.
        """
        return (
            _INT8_ENGINE in torch.backends.quantized.supported_engines
            and hasattr(torch.ops.quantized, "linear_with_input_q_dq_qweight_dq_output_fp32")
            and hasattr(torch.ops.onednn, "qlinear_prepack")
            and torch.cpu._is_vnni_supported()  # noqa: SLF001 - no public name
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., in) float32; returns (..., out)."""
        largest = _magnitude(x)
        product = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
            x / largest, 1 / _INT8_LIMIT, _INT8_ZERO, self.packed
        )
        if self.bias is None:
            return product.mul_(largest)
        return torch.addcmul(self.bias, product, largest, out=product)  # no new megabytes


class WideInt8Linear(nn.Module):
    """The same arithmetic as `Int8Linear` by oneDNN's kernel, for very many outputs.

    For 58,101 of them it took 0.75 of the time at 32 rows, though 1.3 at 8; for a layer's own sizes
    the other is quicker.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        weight = weight.detach().float()
        self._scales = _scales(weight)
        quantized = (weight / self._scales[:, None]).round().to(torch.int8)
        typical_input = [_TYPICAL_ROWS, weight.shape[1]]
        self._packed = torch.ops.onednn.qlinear_prepack(quantized, typical_input)
        self._zero_points = torch.zeros(len(weight), dtype=torch.int64)
        self._bias = torch.zeros(len(weight)) if bias is None else bias.detach().float()
        self._offset = torch.tensor(_INT8_ZERO + 0.5)  # rounds, as the cast only cuts

    def forward(self, x: Tensor) -> Tensor:
        """x: (rows, in) float32; returns (rows, out)."""
        largest = _magnitude(x)
        quantized = torch.addcmul(self._offset, x, _INT8_LIMIT / largest).to(torch.uint8)
        product = torch.ops.onednn.qlinear_pointwise(
            quantized,
            1 / _INT8_LIMIT,
            _INT8_ZERO,
            self._packed,
            self._scales,
            self._zero_points,
            None,  # the bias: it must not be multiplied by what each row was divided by
            1.0,
            0,
            torch.float32,
            "none",
            [],
            "",
        )
        return torch.addcmul(self._bias, product, largest, out=product)


def _magnitude(x: Tensor) -> Tensor:
    """The largest magnitude of each row; x: (..., in), returns (..., 1).

    A row of zeros may be divided by its 0: whatever integers come of it are multiplied by 0.
    """
    return x.abs().amax(dim=-1, keepdim=True)


def _scales(weight: Tensor) -> Tensor:
    """What one step of an output's int8 weights is worth; weight: (out, in), returns (out,)."""
    return weight.abs().amax(dim=1).clamp_min(1e-12) / _INT8_LIMIT


def _prepack_int8(weight: Tensor, scales: Tensor) -> torch.ScriptObject:
    """The kernel's own form of a (out, in) weight with a scale for each output."""
    zero_points = torch.zeros(len(scales), dtype=torch.int64)
    with warnings.catch_warnings():
        # torch means to drop its quantized tensor type; the kernel has no other way in yet.
        warnings.filterwarnings("ignore", message="torch.quantize_per_tensor", category=UserWarning)
        quantized = torch.quantize_per_channel(weight, scales, zero_points, 0, torch.qint8)
    engine = torch.backends.quantized.engine
    torch.backends.quantized.engine = _INT8_ENGINE
    try:
        packed: torch.ScriptObject = torch.ops.quantized.linear_prepack(quantized, None)
    finally:
        torch.backends.quantized.engine = engine
    return packed


def replace_linears(
    network: Seq2SeqTransformer, make: MakeLinear, *, make_output: MakeLinear | None = None
) -> None:
    """Replaces every linear layer, output projection included, of a network that will only infer.

    The embedding tables stay as they are, so a tied output projection takes its own memory here.
    """
    network.packed_output = (make_output or make)(network.output_weight, network.output_bias)
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Linear) and child is not network.output:
                setattr(module, name, make(child.weight, child.bias))


def pack_linears(network: Seq2SeqTransformer) -> None:
    """`replace_linears` with `PackedLinear`; the one before a non-linearity applies that, too."""
    for module in network.modules():
        if isinstance(module, FeedForward):
            activation = network.config.activation
            up = PackedLinear(module.up.weight, module.up.bias, activation=activation)
            module.add_module("up", up)
            module.activation = nn.Identity()
    replace_linears(network, PackedLinear)
