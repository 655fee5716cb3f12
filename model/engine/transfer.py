"""Numbers to the device and back, so that the host waits for the device as seldom as can be.

On a GPU a copy to it never waits, as what it copies from is pinned, and one back is waited for only
when somebody reads it. Elsewhere both are plain copies.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def to_device(
    numbers: Sequence[Any], device: torch.device, *, dtype: torch.dtype = torch.int64
) -> Tensor:
    """A tensor of a list of numbers, or of equally long lists of them."""
    tensor = torch.tensor(numbers, dtype=dtype)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


class Transfer:
    """Tensors on their way from the device to the host, all in one copy.

    They are copied as they are when this is made, whatever is written to them afterwards. float64
    holds every token id, and every float32.
    """

    def __init__(self, *tensors: Tensor) -> None:
        """tensors: of any shapes and of one device."""
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
        """The tensors, on the host."""
        if self._arrival is not None:
            self._arrival.synchronize()
        parts = self._packed.split([shape.numel() for shape in self._shapes])
        return [
            part.view(shape).to(dtype)
            for part, shape, dtype in zip(parts, self._shapes, self._dtypes, strict=True)
        ]


def to_host(*tensors: Tensor) -> list[Any]:
    """Nested lists of the numbers in tensors of one device, in one copy."""
    return [tensor.tolist() for tensor in Transfer(*tensors).wait()]
