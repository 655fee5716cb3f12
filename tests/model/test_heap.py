"""Memory that is not used goes back to the system, and none is taken before it is used."""

import ctypes
import sys
import threading
from pathlib import Path

import pytest
import torch

from model.heap import discard, large_blocks_apart, trim, unwritten

BLOCK = 4 << 20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
needs_glibc = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="another C library keeps other blocks"
)


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


@needs_glibc
def test_trimming_returns_what_a_thread_has_freed() -> None:
    found: list[int] = []

    def free_and_trim() -> None:
        trim()
        found.append(resident())
        blocks = [bytearray(BLOCK // 4) for _ in range(40)]
        kept = blocks[::2]
        del blocks
        trim()
        found.append(resident())
        del kept
        trim()
        found.append(resident())

    with large_blocks_apart():
        pass  # from now on blocks of up to 32 MB are of the heap
    thread = threading.Thread(target=free_and_trim)
    thread.start()
    thread.join()
    before, half, after = found
    assert half - before < 7 * BLOCK  # of which 5 are kept
    assert after - before < 2 * BLOCK


def test_a_large_tensor_of_zeros_takes_memory_once_it_is_written() -> None:
    before = resident()
    zeros = unwritten((10, BLOCK), torch.float32)
    assert resident() - before < BLOCK
    assert (zeros.shape, zeros.dtype) == ((10, BLOCK), torch.float32)
    assert not zeros[7].any()
    zeros[7] = 1.0
    assert resident() - before > 4 * BLOCK - BLOCK


def test_a_tensor_may_have_no_numbers() -> None:
    assert unwritten((3, 0, 5), torch.bfloat16).shape == (3, 0, 5)


def test_a_discarded_part_takes_no_memory_and_the_rest_keeps_its_numbers() -> None:
    tensor = torch.ones((3, 10 * BLOCK + 5), dtype=torch.uint8)
    before = resident()
    discard(tensor[1, 7:])
    assert before - resident() > 9 * BLOCK
    assert tensor[0].all()
    assert tensor[1, :7].all()
    assert tensor[2].all()
    tensor[1] = 2
    assert (tensor[1] == 2).all()


def test_a_part_without_a_whole_page_stays() -> None:
    tensor = torch.ones(1_000, dtype=torch.uint8)
    discard(tensor)
    assert tensor.all()
