"""Rows of keys and values: renumbered without moving, copied as far as they are full."""

import ctypes

import pytest
import torch

from model.config import Stack
from model.engine.kernel_cache import KernelCache
from model.engine.runner import RowCopy
from model.kernels.library import library
from tests.factories import make_config
from tests.machines import needs_kernels

pytestmark = needs_kernels

NUM_ROWS, MAX_TOKENS, D_HEAD = 6, 20, 18


def make_cache(dtype: torch.dtype = torch.float32) -> KernelCache:
    """Each of its numbers is that of its row, and so are its tokens."""
    loaded = library()
    assert loaded is not None
    stack = Stack(num_layers=2, num_heads=3, d_ff=8, d_head=D_HEAD)
    cache = KernelCache(
        make_config(decoder=stack), loaded, num_rows=NUM_ROWS, max_tokens=MAX_TOKENS, dtype=dtype
    )
    cache._table.copy_(torch.arange(NUM_ROWS)[None, None, :, None, None])
    cache._token_ids.copy_(torch.arange(NUM_ROWS)[:, None])
    return cache


def test_a_row_has_room_for_the_longest_sequence_in_whole_blocks() -> None:
    cache = make_cache()
    assert cache._table.shape == (2, 2, NUM_ROWS, 3, 32 * 32)
    assert (cache.struct.capacity, cache.struct.d_head) == (32, D_HEAD)


def test_renumbering_moves_nothing() -> None:
    cache = make_cache()
    before = cache._table.clone()
    cache.move([(5, 1), (4, 2)])
    cache.move([(1, 0)])
    assert list(cache.places) == [5, 0, 4, 3, 2, 1]
    assert torch.equal(cache._table, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("num_tokens", [1, 15, 16, 17, 20])
def test_a_copy_takes_the_first_tokens_of_all_heads_and_layers(
    num_tokens: int, dtype: torch.dtype
) -> None:
    """Keys lie in blocks of 16 tokens, values in lines of a word's tokens: 2 of bfloat16."""
    cache = make_cache(dtype)
    cache.copy([RowCopy(1, 4, num_tokens), RowCopy(1, 2, num_tokens)])
    keys, values = cache._table[:, 0], cache._table[:, 1]
    num_keys = -(-num_tokens // 16) * 16 * D_HEAD
    per_line = 4 // dtype.itemsize
    num_values = -(-num_tokens // per_line) * per_line * 32
    for row in (4, 2):
        assert (keys[:, row, :, :num_keys] == 1).all()
        assert (keys[:, row, :, num_keys:] == row).all()
        assert (values[:, row, :, :num_values] == 1).all()
        assert (values[:, row, :, num_values:] == row).all()
    for row in (0, 1, 3, 5):
        assert (cache._table[:, :, row] == row).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("num_shared", [0, 1, 15, 16, 17, 20])
def test_a_copy_leaves_what_both_rows_have(num_shared: int, dtype: torch.dtype) -> None:
    """Keys from the first block with another token on, values from the first line."""
    cache = make_cache(dtype)
    cache._token_ids[4, :num_shared] = 1
    cache.copy([RowCopy(1, 4, 20)])
    assert (cache._token_ids[4, :20] == 1).all()
    keys, values = cache._table[:, 0, 4], cache._table[:, 1, 4]
    if num_shared == 20:
        assert (keys == 4).all()
        assert (values == 4).all()
        return
    first_key = num_shared // 16 * 16 * D_HEAD
    first_value = num_shared // (per_line := 4 // dtype.itemsize) * per_line * 32
    assert (keys[..., :first_key] == 4).all()
    assert (keys[..., first_key : 2 * 16 * D_HEAD] == 1).all()
    assert (values[..., :first_value] == 4).all()
    assert (values[..., first_value : 20 * 32] == 1).all()


def test_a_row_knows_its_tokens_wherever_they_came_from() -> None:
    cache = make_cache()
    cache.copy([RowCopy(1, 4, 3)])
    cache.copy([RowCopy(4, 2, 5)])
    assert cache._token_ids[2].tolist() == [1] * 3 + [4] * 2 + [2] * 27


def test_a_copy_goes_where_the_rows_lie() -> None:
    cache = make_cache()
    cache.move([(5, 0)])  # row 0 lies at place 5
    cache.copy([RowCopy(0, 3, 20)])
    assert (cache._table[:, 1, 3, :, : 20 * 32] == 5).all()


def test_the_struct_points_at_the_table() -> None:
    cache = make_cache()
    numbers = ctypes.cast(cache.struct.data, ctypes.POINTER(ctypes.c_float))
    assert [numbers[i * 3 * 32 * 32] for i in range(NUM_ROWS)] == list(range(NUM_ROWS))
