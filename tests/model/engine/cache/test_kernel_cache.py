"""Rows of keys and values: renumbered without moving, copied as far as they are full."""

import ctypes

import pytest
import torch
from torch import Tensor

from model.config import Stack
from model.engine.cache.kernel_cache import KernelCache, kernel_blocks
from model.engine.runner import RowCopy
from model.kernels.library import library
from tests.support.engine.factories import make_config
from tests.support.service.machines import needs_kernels

pytestmark = [needs_kernels, pytest.mark.usefixtures("every_level")]

NUM_ROWS, MAX_TOKENS, D_HEAD = 6, 20, 18
NUM_BLOCKS = 14


def own_blocks(row: int) -> list[int]:
    """The blocks that `make_cache` gives to a row: the last two to row 0, and so on downwards."""
    return [NUM_BLOCKS - 1 - 2 * row, NUM_BLOCKS - 2 - 2 * row]


def make_cache(dtype: torch.dtype = torch.float32) -> KernelCache:
    """Each of its numbers is that of its row, and so are its tokens; each has blocks of its own."""
    loaded = library()
    assert loaded is not None
    stack = Stack(num_layers=2, num_heads=3, d_ff=8, d_head=D_HEAD)
    config = make_config(decoder=stack)
    memory = kernel_blocks(config, num_blocks=NUM_BLOCKS, dtype=dtype).fill_(99)
    cache = KernelCache(config, loaded, memory=memory, num_rows=NUM_ROWS, max_tokens=MAX_TOKENS)
    for row in range(NUM_ROWS):
        cache.give(row, own_blocks(row)[:1])
        cache.give(row, own_blocks(row)[1:], first=1)
        memory[:, own_blocks(row)] = row
    cache.token_ids.copy_(torch.arange(NUM_ROWS)[:, None])
    return cache


def test_a_row_has_room_for_the_longest_sequence_in_whole_blocks() -> None:
    cache = make_cache()
    assert cache.memory.shape == (2, NUM_BLOCKS, 3, 2, 16 * 32)
    assert (cache.struct.capacity, cache.struct.d_head) == (32, D_HEAD)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_the_first_block_begins_a_page(dtype: torch.dtype) -> None:
    assert make_cache(dtype).struct.data % 4096 == 0


def test_renumbering_moves_nothing() -> None:
    cache = make_cache()
    before = cache.memory.clone()
    cache.move([(5, 1), (4, 2)])
    cache.move([(1, 0)])
    assert list(cache.places) == [5, 0, 4, 3, 2, 1]
    assert [cache.blocks_of(row) for row in range(NUM_ROWS)] == [
        own_blocks(place) for place in cache.places
    ]
    assert torch.equal(cache.memory, before)


def numbers_of(cache: KernelCache, row: int, first: int, end: int) -> tuple[Tensor, Tensor]:
    """Keys and values of all heads and layers, in the whole blocks and lines of some tokens.

    Read from the blocks that `make_cache` gave to the row. Keys lie in blocks of 16 tokens, values
    in lines of a word's tokens: 2 of bfloat16.
    """
    blocks = cache.memory[:, own_blocks(row)]
    keys, values = blocks.transpose(1, 2).unbind(3)  # (layers, heads, blocks, ...)
    per_line = 4 // cache.memory.element_size()
    line_size = per_line * 32
    return (
        keys[:, :, first // 16 : -(-end // 16)],
        values.flatten(2)[..., first // per_line * line_size : -(-end // per_line) * line_size],
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("num_tokens", [1, 15, 16, 17, 20])
def test_a_copy_shares_whole_blocks_and_takes_the_rest(num_tokens: int, dtype: torch.dtype) -> None:
    cache = make_cache(dtype)
    cache.copy([RowCopy(1, 4, num_tokens), RowCopy(1, 2, num_tokens)])
    num_shared = num_tokens // 16
    for row in (4, 2):
        assert cache.blocks_of(row) == own_blocks(1)[:num_shared] + own_blocks(row)[num_shared:]
        for numbers in numbers_of(cache, row, 0, num_shared * 16):
            assert (numbers == row).all()
        for numbers in numbers_of(cache, row, num_shared * 16, num_tokens):
            assert (numbers == 1).all()
        for numbers in numbers_of(cache, row, -(-num_tokens // 16) * 16, 32):
            assert (numbers == row).all()
    for row in (0, 1, 3, 5):
        assert (cache.memory[:, own_blocks(row)] == row).all()
        assert cache.blocks_of(row) == own_blocks(row)
    assert (cache.memory[:, :2] == 99).all()  # blocks that no row has


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("num_same", [0, 1, 15, 16, 17, 18, 20])
def test_a_copy_leaves_what_both_rows_have(num_same: int, dtype: torch.dtype) -> None:
    """In the last block: keys if a token differs, values from the line of the first that does."""
    cache = make_cache(dtype)
    cache.token_ids[4, :num_same] = 1
    cache.copy([RowCopy(1, 4, 20)])
    assert (cache.token_ids[4, :20] == 1).all()
    first = max(num_same, 16)
    keys, values = numbers_of(cache, 4, 16, 20)
    assert (keys == (4 if num_same == 20 else 1)).all()
    per_line = 4 // dtype.itemsize
    num_own = (first - 16) // per_line * per_line * 32
    assert (values[..., :num_own] == 4).all()
    assert (values[..., num_own:] == 1).all()


def test_a_block_is_shared_by_all_copies_of_a_row() -> None:
    cache = make_cache()
    cache.copy([RowCopy(1, 4, 16)])
    cache.copy([RowCopy(4, 2, 16)])
    first = [cache.blocks_of(row)[0] for row in range(NUM_ROWS)]
    assert first == [own_blocks(row)[0] for row in (0, 1, 1, 3, 1, 5)]


def test_a_row_knows_its_tokens_wherever_they_came_from() -> None:
    cache = make_cache()
    cache.copy([RowCopy(1, 4, 3)])
    cache.copy([RowCopy(4, 2, 5)])
    assert cache.token_ids[2].tolist() == [1] * 3 + [4] * 2 + [2] * 27


def test_a_copy_goes_where_the_rows_lie() -> None:
    cache = make_cache()
    cache.move([(5, 0)])  # row 0 lies at place 5
    cache.copy([RowCopy(0, 3, 20)])
    assert cache.blocks_of(3) == [own_blocks(5)[0], own_blocks(3)[1]]
    for numbers in numbers_of(cache, 3, 16, 20):
        assert (numbers == 5).all()


def test_two_caches_store_in_one_memory() -> None:
    """The struct of each points at the same blocks."""
    cache = make_cache()
    loaded = library()
    assert loaded is not None
    config = make_config(decoder=Stack(num_layers=2, num_heads=3, d_ff=8, d_head=D_HEAD))
    other = KernelCache(config, loaded, memory=cache.memory, num_rows=2, max_tokens=50)
    assert (other.struct.capacity, other.struct.num_blocks) == (64, NUM_BLOCKS)
    numbers = ctypes.cast(other.struct.data, ctypes.POINTER(ctypes.c_float))
    block_size = 3 * 2 * 16 * 32
    assert [numbers[own_blocks(row)[0] * block_size] for row in range(NUM_ROWS)] == [
        *range(NUM_ROWS)
    ]
