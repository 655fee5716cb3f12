"""Recognition of out-of-memory errors of a device or the machine."""

import torch

_SIGNS = (
    "out of memory",  # CUDA, in calls outside PyTorch's allocator
    "alloc_failed",  # cuBLAS, cuDNN
    "not enough memory",  # PyTorch's allocator for CPUs; the wording depends on the release
    "can't allocate memory",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out, so that a smaller step may succeed.

    PyTorch's allocator for CPUs raises a plain RuntimeError, which only its text distinguishes.
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in text for sign in _SIGNS)
