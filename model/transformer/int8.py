"""Int8 weights: each row of integers has one float scale; weight = integer * scale.

There are two ways to multiply by them. Where the CPU multiplies bytes (VNNI), activations are
quantized as well, with one scale for each row: that is fastest. Elsewhere the weights are widened
to the activations' type, block by block, which saves memory and works on every device.
"""

import warnings
from dataclasses import dataclass
from threading import Lock

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_LIMIT = 127
_ZERO = 128  # zero point: the kernels take unsigned activations
_ENGINE = "fbgemm"
_ENGINE_LOCK = Lock()
_TYPICAL_ROWS = 32  # the layout is chosen for this number; any other works

# Weights in one block: to quantize, few enough that their float32 copies stay in the cache; to
# multiply, enough that the product outweighs the cost of its call.
_QUANTIZED_AT_ONCE = 1 << 18
_WIDENED_AT_ONCE = 1 << 22


@dataclass(frozen=True, slots=True)
class Quantized:
    """An int8 weight, (out, in), and its scales, (out,) float32; the original is their product."""

    weight: Tensor
    scales: Tensor


def quantize(weight: Tensor) -> Quantized:
    """Round each row of a (out, in) weight to -127 ... 127 steps of its largest magnitude / 127.

    Works on a block of rows at a time: a float32 copy of a vocabulary's table would take four times
    the bytes of the result.
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

    The kernel itself has one scale for all rows. Each row is therefore divided by its largest
    magnitude before, and multiplied by it after: no row's result depends on another row.
    """

    def __init__(self, quantized: Quantized, bias: Tensor | None) -> None:
        super().__init__()
        self.packed = _prepack(quantized)
        self.packed_bytes = quantized.weight.nbytes  # `packed` does not tell its size
        self.bias = None if bias is None else bias.detach().float()

    @staticmethod
    def is_available() -> bool:
        """Return whether this build of torch has the kernels, and this CPU the instructions.

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
    """The arithmetic of `Int8Linear` by oneDNN's kernel, for the outputs of a large vocabulary.

    For 58,101 outputs it took 0.75 of the time of `Int8Linear` at 32 rows, 1.3 at 8; at the sizes
    of a layer it is slower.
    """

    def __init__(self, quantized: Quantized, bias: Tensor | None) -> None:
        super().__init__()
        num_outputs, width = quantized.weight.shape
        self._scales = quantized.scales
        self._packed = torch.ops.onednn.qlinear_prepack(quantized.weight, [_TYPICAL_ROWS, width])
        self._zero_points = torch.zeros(num_outputs, dtype=torch.int64)
        self._bias = torch.zeros(num_outputs) if bias is None else bias.detach().float()
        self._offset = torch.tensor(_ZERO + 0.5)  # with it the cast, which truncates, rounds

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
            None,  # the bias: added below, after each row is multiplied by its magnitude
            1.0,
            0,
            torch.float32,
            "none",
            [],
            "",
        )
        return torch.addcmul(self._bias, product, largest, out=product)


class WeightOnlyInt8Linear(nn.Module):
    """`nn.Linear` with int8 weights, multiplied in the type of the activations; for any device."""

    weight: Tensor
    scales: Tensor
    bias: Tensor | None

    def __init__(
        self, quantized: Quantized, bias: Tensor | None, *, dtype: torch.dtype | None = None
    ) -> None:
        """Keep the weights; dtype is that of the activations, None is float32."""
        super().__init__()
        dtype = dtype or torch.float32
        self.register_buffer("weight", quantized.weight)
        self.register_buffer("scales", quantized.scales.to(dtype))
        self.register_buffer("bias", None if bias is None else bias.detach().to(dtype))

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., in); returns (..., out)."""
        # A block of outputs at a time: all weights widened at once would take the memory that int8
        # saves. Weights are scaled before the product: sums of integers overflow float16.
        size = max(1, _WIDENED_AT_ONCE // self.weight.shape[1])
        blocks = zip(self.weight.split(size), self.scales.split(size), strict=True)
        products = [F.linear(x, weight * scales[:, None]) for weight, scales in blocks]
        product = products[0] if len(products) == 1 else torch.cat(products, dim=-1)
        return product if self.bias is None else product + self.bias


class Int8Embedding(nn.Module):
    """`nn.Embedding` with an int8 table and one scale for each row."""

    weight: Tensor
    scales: Tensor

    def __init__(self, quantized: Quantized, *, dtype: torch.dtype = torch.float32) -> None:
        """Keep the table; dtype is that of the vectors looked up."""
        super().__init__()
        self.register_buffer("weight", quantized.weight)
        self.register_buffer("scales", quantized.scales.to(dtype))
        self.dtype = dtype

    def forward(self, ids: Tensor) -> Tensor:
        """ids: int64 of any shape; returns that shape + (width,)."""
        return F.embedding(ids, self.weight) * F.embedding(ids, self.scales[:, None])


def _magnitude(x: Tensor) -> Tensor:
    """Return the largest magnitude of each row; x: (..., in), returns (..., 1).

    A row of zeros is divided by 0: any integers that result are multiplied by 0 again.
    """
    return x.abs().amax(dim=-1, keepdim=True)


def _prepack(quantized: Quantized) -> torch.ScriptObject:
    """Return the weights in FBGEMM's layout."""
    zero_points = torch.zeros(len(quantized.scales), dtype=torch.int64)
    with warnings.catch_warnings():
        # torch deprecates its quantized tensor type, but the kernel takes no other yet.
        warnings.filterwarnings("ignore", message="torch.quantize_per_tensor", category=UserWarning)
        tensor = torch._make_per_channel_quantized_tensor(  # noqa: SLF001 - no public name
            quantized.weight, quantized.scales, zero_points, 0
        )
    with _ENGINE_LOCK:  # the setting is global to the process, and two models may load at once
        engine = torch.backends.quantized.engine
        torch.backends.quantized.engine = _ENGINE
        try:
            packed: torch.ScriptObject = torch.ops.quantized.linear_prepack(tensor, None)
        finally:
            torch.backends.quantized.engine = engine
    return packed
