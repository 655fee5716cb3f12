"""Where a network computes, and in which numbers."""

from typing import Literal

import torch

from model.errors import ConfigError
from model.transformer.packed import Int8Linear

DtypeName = Literal["auto", "float32", "bfloat16", "float16", "int8"]

# The type of activations and of all weights but int8 ones.
TORCH_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "int8": torch.float32,
}


def resolve_device(name: str) -> torch.device:
    """The device of that name; auto is a GPU if there is one.

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


def resolve_dtype(name: DtypeName, device: torch.device) -> DtypeName:
    """The dtype of that name; auto picks by what the device computes fast.

    Raises:
        ConfigError: There is no such dtype, or not on this device.
    """
    if name not in ("auto", *TORCH_DTYPES):
        raise ConfigError(f"dtype: {name!r} is not one of auto, {', '.join(TORCH_DTYPES)}")
    if name == "int8" and not (device.type == "cpu" and Int8Linear.is_available()):
        raise ConfigError(f"dtype: 'int8' needs a CPU with VNNI instructions, not {device}")
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()  # noqa: SLF001
    return "bfloat16" if fast else "float32"
