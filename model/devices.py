"""Chooses device, precision and packing of a network."""

from dataclasses import dataclass, field
from typing import Literal

import torch

from model.config import TransformerConfig
from model.errors import ConfigError
from model.kernels.library import library
from model.kernels.packing import KernelPacking
from model.kernels.timing import product_seconds
from model.transformer.int8 import Int8Linear
from model.transformer.packed import PackedLinear
from model.transformer.packing import Bfloat16Packing, Int8Packing, Packing

DtypeName = Literal["auto", "float32", "bfloat16", "float16", "int8"]

_FLOATS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_NAMES = (*_FLOATS, "int8")

PYTORCH = "pytorch"  # the kernels where our own do not run
_KERNEL_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "int8": torch.int8}
# float32 must be this much faster to be chosen: replicas of one model should choose alike.
_LEAST_GAIN = 1.25


def resolve_device(name: str) -> torch.device:
    """Return the device of that name; auto is a GPU if there is one.

    Raises:
        ConfigError: There is no such device, or none on this machine.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"device: {name!r} is not auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"device: {name!r} is not auto, cpu, cuda or cuda:N")
    num_gpus = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= num_gpus:
        raise ConfigError(f"device: {name!r} was asked for, but CUDA devices here: {num_gpus}")
    return device


def resolve_dtype(
    name: DtypeName, device: torch.device, *, overflows_float16: bool = False
) -> DtypeName:
    """Return the dtype of that name; auto is PyTorch's fastest float type, never int8.

    float16 on a CPU is allowed, but slow: products of 8 to 32 rows took three to ten times as long
    as in bfloat16 on a CPU that has instructions for the latter.

    Args:
        name: The dtype that was asked for.
        device: The device of the network.
        overflows_float16: Its activations exceed 65,504, the largest number of float16.

    Raises:
        ConfigError: There is no such dtype, or the network overflows it.
    """
    if name not in ("auto", *_NAMES):
        raise ConfigError(f"dtype: {name!r} is not one of auto, {', '.join(_NAMES)}")
    if name == "float16" and overflows_float16:
        raise ConfigError(
            "dtype: 'float16' has no numbers as large as this network computes; "
            "use bfloat16 or float32"
        )
    if name != "auto":
        return name
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported():
            return "bfloat16"
        return "float32" if overflows_float16 else "float16"
    multiplies_bfloat16 = (
        torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001 - no public name
        or torch.cpu._is_amx_tile_supported()  # noqa: SLF001
    )
    return "bfloat16" if multiplies_bfloat16 else "float32"


@dataclass(frozen=True, slots=True)
class Precision:
    """The number types of a network.

    Attributes:
        weights: The type of the weights, never auto.
        activations: The type of the activations.
        cache: The type of the KV cache.
        reason: Why `auto` became the type of the weights; empty if the type was asked for.
    """

    weights: DtypeName
    activations: torch.dtype
    cache: torch.dtype
    reason: str = field(default="", compare=False)


def choose_precision(name: DtypeName, device: torch.device, config: TransformerConfig) -> Precision:
    """Return the number types of a network with weights of that dtype on that device.

    For a network that our own kernels run, `auto` is bfloat16 or float32, as products are faster on
    this machine. They keep activations in float32, and the cache in bfloat16 unless the weights are
    float32. PyTorch attends on a CPU in float32: with one query per row its bfloat16 kernels took
    up to five times as long.

    Raises:
        ConfigError: As `resolve_dtype`.
    """
    overflows, reason = config.overflows_float16, ""
    if name == "auto" and _runs_by_kernels("bfloat16", device, config):
        name, reason = _faster_float(config)
    elif name == "auto":
        reason = f"PyTorch computes on {device.type}"
    name = resolve_dtype(name, device, overflows_float16=overflows)
    if _runs_by_kernels(name, device, config):
        cache = torch.float32 if name == "float32" else torch.bfloat16
        return Precision(name, torch.float32, cache, reason)
    activations = _activation_dtype(name, device, overflows_float16=overflows)
    cache = torch.float32 if device.type == "cpu" else activations
    return Precision(name, activations, cache, reason)


def choose_packing(
    precision: Precision, device: torch.device, config: TransformerConfig
) -> Packing | None:
    """Return the packing of a network of that precision; None leaves the layers as they are."""
    name = precision.weights
    if _runs_by_kernels(name, device, config):
        return KernelPacking(_KERNEL_DTYPES[name])
    if name == "int8" and _multiplies_bytes(device):
        return Int8Packing.for_bytes()
    if name == "int8":
        return Int8Packing.for_weights_only(precision.activations)
    if name == "bfloat16" and device.type == "cpu" and PackedLinear.is_available():
        return Bfloat16Packing()
    return None


def kernels_of(precision: Precision, device: torch.device, config: TransformerConfig) -> str:
    """Return the kernels that compute such a network: `pytorch`, or `own` with an instruction set.

    The instruction set is the title of a level (model/kernels/levels.py), as in `own (AVX2)`.
    """
    loaded = library()
    if loaded is None or not _runs_by_kernels(precision.weights, device, config):
        return PYTORCH
    return f"own ({loaded.level.title})"


def _activation_dtype(
    name: DtypeName, device: torch.device, *, overflows_float16: bool
) -> torch.dtype:
    if name in _FLOATS:
        return _FLOATS[name]
    if _multiplies_bytes(device):
        return torch.float32
    return _FLOATS[resolve_dtype("auto", device, overflows_float16=overflows_float16)]


def _faster_float(config: TransformerConfig) -> tuple[DtypeName, str]:
    """Return bfloat16, or float32 if its products are clearly faster here; and the times."""
    width = config.width(config.decoder)
    seconds = {
        dtype: product_seconds(dtype, num_outputs=config.target_vocab_size, width=width)
        for dtype in (torch.bfloat16, torch.float32)
    }
    narrow, wide = seconds[torch.bfloat16], seconds[torch.float32]
    reason = f"products took {narrow * 1e3:.2f} ms in bfloat16, {wide * 1e3:.2f} ms in float32"
    return "float32" if narrow > _LEAST_GAIN * wide else "bfloat16", reason


def _runs_by_kernels(name: DtypeName, device: torch.device, config: TransformerConfig) -> bool:
    """Return whether our own kernels run a network with weights of that type."""
    return device.type == "cpu" and name in _KERNEL_DTYPES and KernelPacking.fits(config)


def _multiplies_bytes(device: torch.device) -> bool:
    return device.type == "cpu" and Int8Linear.is_available()
