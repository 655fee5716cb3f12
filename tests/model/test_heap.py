"""While weights are loaded, freed memory goes back to the system."""

import sys
from pathlib import Path

import pytest
import torch

from model.heap import large_blocks_apart

BLOCK = 4 << 20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def resident() -> int:
    """Return the resident bytes of this process."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def grown(*, count: int) -> int:
    """Return the growth of memory by tensors that were each made from another, freed one."""
    before = resident()
    kept = []
    for _ in range(count):
        source = torch.ones(BLOCK, dtype=torch.uint8)
        kept.append(source.clone())
        del source
    return resident() - before - sum(tensor.nbytes for tensor in kept)


def test_a_tensor_that_was_converted_and_freed_leaves_no_hole() -> None:
    torch.ones(8 * BLOCK, dtype=torch.uint8)  # freed: from now on smaller ones are of the heap
    with large_blocks_apart():
        assert grown(count=20) < 2 * BLOCK
    assert torch.ones(BLOCK).sum() == BLOCK  # and memory can be had as before
