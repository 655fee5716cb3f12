"""Weights of eight bits: each row of integers has one scale, what its step of 1 is worth.

Two ways to multiply by them. Where the CPU multiplies bytes (VNNI), activations become bytes as
well, each row of them with a scale of its own: that is fastest. Elsewhere the weights are turned
into numbers of the activations' type in passing, which saves memory and works on every device.
"""

import warnings
from dataclasses import dataclass
from threading import Lock

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_LIMIT = 127
_ZERO = 128  # activations are unsigned to the kernels
_ENGINE = "fbgemm"
_ENGINE_LOCK = Lock()
_TYPICAL_ROWS = 32  # what the packed layout is chosen for; any number of rows may come

# Numbers that are worked on at a time: of weights to be quantized so few that float32 copies of
# them stay in the cache, of weights to be multiplied by so many that a product is worth its call.
_QUANTIZED_AT_ONCE = 1 << 18
_WIDENED_AT_ONCE = 1 << 22


@dataclass(frozen=True, slots=True)
class Quantized:
    """weight: (out, in) int8; scales: (out,) float32. Their product is nearly the original."""

    weight: Tensor
    scales: Tensor


def quantize(weight: Tensor) -> Quantized:
    """Rounds each row of a (out, in) weight to 255 levels, up to its own largest magnitude.

    A block of rows at a time: a vocabulary's table would take four times its bytes in float32.
    """
    integers = torch.empty(weight.shape, dtype=torch.int8, device=weight.device)
    scales = torch.empty(len(weight), device=weight.device)
    rows = max(1, _QUANTIZED_AT_ONCE // weight.shape[1])
    numbers, magnitudes = torch.empty((2, rows, weight.shape[1]), device=weight.device)
    blocks = (tensor.split(rows) for tensor in (weight.detach(), integers, scales))
    for block, block_integers, block_scales in zip(*blocks, strict=True):
        floats = numbers[: len(block)].copy_(block)
        largest = torch.abs(floats, out=magnitudes[: len(block)]).amax(dim=1)
        block_scales.copy_(largest.clamp_min_(1e-12).div_(_LIMIT))
        block_integers.copy_(floats.div_(block_scales[:, None]).round_())
    return Quantized(integers, scales)


class Int8Linear(nn.Module):
    """`nn.Linear` with int8 weights, one scale per output, and int8 activations, one scale per row.

    The kernel itself knows one scale for all rows. Each row is therefore divided by its own largest
    magnitude before, and multiplied by it after, so that no row's result depends on another row.
    """

    def __init__(self, quantized: Quantized, bias: Tensor | None) -> None:
        super().__init__()
        self.packed = _prepack(quantized)
        self.packed_bytes = quantized.weight.nbytes  # which the kernel's own form does not tell
        self.bias = None if bias is None else bias.detach().float()

    @staticmethod
    def is_available() -> bool:
        """Whether this build of torch has the kernels, and this CPU the instructions.

        Without VNNI, pairs of 8-bit products are summed in 16 bits, which overflows silently.
        """
        return (
            _ENGINE in torch.backends.quantized.supported_engines
            and hasattr(torch.ops.quantized, "linear_with_input_q_dq_qweight_dq_output_fp32")
            and hasattr(torch.ops.onednn, "qlinear_prepack")
            and torch.cpu._is_vnni_supported()  # noqa: SLF001 - no public name
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., in) float32; returns (..., out)."""
        largest = _magnitude(x)
        product = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
            x / largest, 1 / _LIMIT, _ZERO, self.packed
        )
        if self.bias is None:
            return product.mul_(largest)
        return torch.addcmul(self.bias, product, largest, out=product)  # no new megabytes


class WideInt8Linear(nn.Module):
    """The same arithmetic as `Int8Linear` by oneDNN's kernel, for very many outputs.

    For 58,101 of them it took 0.75 of the time at 32 rows, though 1.3 at 8; for a layer's own sizes
    the other is quicker.
    """

    def __init__(self, quantized: Quantized, bias: Tensor | None) -> None:
        super().__init__()
        num_outputs, width = quantized.weight.shape
        self._scales = quantized.scales
        self._packed = torch.ops.onednn.qlinear_prepack(quantized.weight, [_TYPICAL_ROWS, width])
        self._zero_points = torch.zeros(num_outputs, dtype=torch.int64)
        self._bias = torch.zeros(num_outputs) if bias is None else bias.detach().float()
        self._offset = torch.tensor(_ZERO + 0.5)  # rounds, as the cast only cuts

    def forward(self, x: Tensor) -> Tensor:
        """x: (rows, in) float32; returns (rows, out)."""
        largest = _magnitude(x)
        quantized = torch.addcmul(self._offset, x, _LIMIT / largest).to(torch.uint8)
        product = torch.ops.onednn.qlinear_pointwise(
            quantized,
            1 / _LIMIT,
            _ZERO,
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


class WeightOnlyInt8Linear(nn.Module):
    """`nn.Linear` with int8 weights on any device, multiplied in the type of the activations."""

    weight: Tensor
    scales: Tensor
    bias: Tensor | None

    def __init__(
        self, quantized: Quantized, bias: Tensor | None, *, dtype: torch.dtype | None = None
    ) -> None:
        """dtype is that of the activations; None is float32."""
        super().__init__()
        dtype = dtype or torch.float32
        self.register_buffer("weight", quantized.weight)
        self.register_buffer("scales", quantized.scales.to(dtype))
        self.register_buffer("bias", None if bias is None else bias.detach().to(dtype))

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., in); returns (..., out)."""
        # A block of outputs at a time: all weights at once, widened, would be what int8 saves.
        # The scales go to the weights: sums of unscaled integers are too large for float16.
        size = max(1, _WIDENED_AT_ONCE // self.weight.shape[1])
        blocks = zip(self.weight.split(size), self.scales.split(size), strict=True)
        products = [F.linear(x, weight * scales[:, None]) for weight, scales in blocks]
        product = products[0] if len(products) == 1 else torch.cat(products, dim=-1)
        return product if self.bias is None else product + self.bias


class Int8Embedding(nn.Module):
    """`nn.Embedding` with an int8 table, a scale for each of its rows."""

    weight: Tensor
    scales: Tensor

    def __init__(self, quantized: Quantized, *, dtype: torch.dtype = torch.float32) -> None:
        """dtype is that of the vectors looked up."""
        super().__init__()
        self.register_buffer("weight", quantized.weight)
        self.register_buffer("scales", quantized.scales.to(dtype))
        self.dtype = dtype

    def forward(self, ids: Tensor) -> Tensor:
        """ids: int64 of any shape; returns that shape + (width,)."""
        return F.embedding(ids, self.weight) * F.embedding(ids, self.scales[:, None])


def _magnitude(x: Tensor) -> Tensor:
    """The largest magnitude of each row; x: (..., in), returns (..., 1).

    A row of zeros may be divided by its 0: whatever integers come of it are multiplied by 0.
    """
    return x.abs().amax(dim=-1, keepdim=True)


def _prepack(quantized: Quantized) -> torch.ScriptObject:
    """The form that FBGEMM multiplies by."""
    zero_points = torch.zeros(len(quantized.scales), dtype=torch.int64)
    with warnings.catch_warnings():
        # torch means to drop its quantized tensor type; the kernel has no other way in yet.
        warnings.filterwarnings("ignore", message="torch.quantize_per_tensor", category=UserWarning)
        tensor = torch._make_per_channel_quantized_tensor(  # noqa: SLF001 - no public name
            quantized.weight, quantized.scales, zero_points, 0
        )
    with _ENGINE_LOCK:  # the choice is the whole process's, and two models may load at once
        engine = torch.backends.quantized.engine
        torch.backends.quantized.engine = _ENGINE
        try:
            packed: torch.ScriptObject = torch.ops.quantized.linear_prepack(tensor, None)
        finally:
            torch.backends.quantized.engine = engine
    return packed
