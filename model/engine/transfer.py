"""Copies of numbers between host and device that keep the host from waiting.

On a GPU a copy to the device starts from pinned memory and does not block; a copy back blocks only
when its result is read. On other devices both are plain copies.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def to_device(
    numbers: Sequence[Any], device: torch.device, *, dtype: torch.dtype = torch.int64
) -> Tensor:
    """Return a tensor of a list of numbers, or of lists of equal length."""
    tensor = torch.tensor(numbers, dtype=dtype)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


class Transfer:
    """Tensors on their way from the device to the host, in one copy.

    The copy is taken at construction; later writes to the tensors do not change it. They travel as
    float64, which holds every token id and every float32 exactly.
    """

    def __init__(self, *tensors: Tensor) -> None:
        """Start the copy; tensors: of any shapes, on one device."""
        self._dtypes = [tensor.dtype for tensor in tensors]
        self._shapes = [tensor.shape for tensor in tensors]
        packed = torch.cat([tensor.flatten().double() for tensor in tensors])
        self._arrival: torch.cuda.Event | None = None
        self._packed = packed
        if packed.device.type == "cuda":
            self._packed = torch.empty(packed.shape, dtype=packed.dtype, pin_memory=True)
            self._packed.copy_(packed, non_blocking=True)
            self._arrival = torch.cuda.current_stream(packed.device).record_event()

    def wait(self) -> list[Tensor]:
        """Wait for the copy; return the tensors on the host."""
        if self._arrival is not None:
            self._arrival.synchronize()
        parts = self._packed.split([shape.numel() for shape in self._shapes])
        return [
            part.view(shape).to(dtype)
            for part, shape, dtype in zip(parts, self._shapes, self._dtypes, strict=True)
        ]


def to_host(*tensors: Tensor) -> list[Any]:
    """Return the numbers of tensors of one device as nested lists, in one copy."""
    return [tensor.tolist() for tensor in Transfer(*tensors).wait()]
