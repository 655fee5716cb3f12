"""What counts as a device, or a machine, that has no memory left."""

import torch

_SIGNS = (
    "out of memory",  # CUDA, where no allocator stood between
    "alloc_failed",  # cuBLAS, cuDNN
    "not enough memory",  # a CPU's allocator, in this release of PyTorch and in others
    "can't allocate memory",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the same might succeed with less to do; a CPU's allocator has no error of its own."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in text for sign in _SIGNS)
