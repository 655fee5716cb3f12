"""The cache's tables: what is written comes back, wherever rows move and however tables grow."""

from typing import Any

import pytest
import torch
from torch import Tensor

from model.engine.cache import kv_cache
from model.engine.cache.kv_cache import KVCache
from model.transformer.memory import KeysValues
from tests.support.engine.factories import make_config

HEADS, D_HEAD, LAYERS = 2, 8, 2  # of make_config()


@pytest.fixture(autouse=True)
def _small_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kv_cache, "FIRST_CAPACITY", 2)


def make_cache(**changes: Any) -> KVCache:
    defaults: dict[str, Any] = {
        "num_rows": 4,
        "max_source_tokens": 12,
        "max_target_tokens": 9,
        "dtype": torch.float32,
        "device": torch.device("cpu"),
    }
    return KVCache(make_config(), **{**defaults, **changes})


def numbered(batch: int, tokens: int, *, start: float = 1.0) -> Tensor:
    """(batch, heads, tokens, d_head), every number another."""
    count = batch * HEADS * tokens * D_HEAD
    return torch.arange(start, start + count).view(batch, HEADS, tokens, D_HEAD)


def append(cache: KVCache, positions: list[int], key: Tensor, *, num_keys: int) -> list[KeysValues]:
    """One step of all layers; the values are the keys, negated."""
    stores = cache.step_stores(torch.tensor(positions), num_keys=num_keys)
    return [store.append(key, -key) for store in stores]


def test_what_steps_append_is_read_in_order() -> None:
    cache = make_cache()
    steps = [numbered(3, 1, start=1_000.0 * step) for step in range(1, 8)]
    for position, step in enumerate(steps):
        layers = append(cache, [position] * 3, step, num_keys=position + 1)
        assert len(layers) == LAYERS
        for keys, values in layers:
            assert torch.equal(keys, torch.cat(steps[: position + 1], dim=2))
            assert torch.equal(values, -keys)


def test_each_row_writes_at_its_own_position() -> None:
    cache = make_cache()
    ((keys, _), _) = append(cache, [0, 3], numbered(2, 1), num_keys=4)
    assert keys.shape == (2, HEADS, 4, D_HEAD)
    assert torch.equal(keys[0, :, 0], numbered(2, 1)[0, :, 0])
    assert torch.equal(keys[1, :, 3], numbered(2, 1)[1, :, 0])
    assert not keys[0, :, 1:].any()
    assert not keys[1, :, :3].any()


def test_tables_start_small_grow_when_needed_and_never_beyond_the_limit() -> None:
    cache = make_cache(max_target_tokens=9)
    capacities = []
    for num_tokens in (1, 2, 3, 4, 5, 9):
        cache.own.reserve(num_tokens)
        capacities.append(cache.own.capacity)
    assert capacities == [2, 2, 4, 4, 8, 9]
    assert cache.own.layers[0][0].shape == (4, HEADS, 9, D_HEAD)


def test_the_first_tokens_of_a_row_are_copied_to_others() -> None:
    cache = make_cache()
    for position in range(3):
        append(cache, [position] * 4, numbered(4, 1, start=100.0 * position), num_keys=position + 1)
    before = [keys.clone() for keys, _ in cache.own.layers]
    cache.own.copy([(2, 0), (2, 1)], num_tokens=2)
    for (keys, values), old in zip(cache.own.layers, before, strict=True):
        assert torch.equal(keys[0, :, :2], old[2, :, :2])
        assert torch.equal(keys[1, :, :2], old[2, :, :2])
        assert torch.equal(keys[0, :, 2], old[0, :, 2])
        assert torch.equal(values, -keys)


def test_copying_nothing_is_allowed() -> None:
    make_cache().own.copy([], num_tokens=0)


def test_sources_are_stored_by_slot_and_read_densely() -> None:
    cache = make_cache()
    source = numbered(2, 5)
    cache.write_memories(torch.tensor([1, 0]), [(source, -source)] * LAYERS)
    for keys, values in cache.memories(num_slots=2, num_keys=5):
        assert torch.equal(keys, source[[1, 0]])
        assert torch.equal(values, -keys)


def test_a_longer_source_leaves_the_earlier_ones_as_they_were() -> None:
    cache = make_cache()
    short, long = numbered(1, 2), numbered(1, 11, start=1_000.0)
    cache.write_memories(torch.tensor([0]), [(short, -short)] * LAYERS)
    cache.write_memories(torch.tensor([1]), [(long, -long)] * LAYERS)
    ((keys, _), _) = cache.memories(num_slots=2, num_keys=11)
    assert torch.equal(keys[0, :, :2], short[0])
    assert not keys[0, :, 2:].any()
    assert torch.equal(keys[1], long[0])


def test_keys_and_values_are_kept_in_the_cache_s_own_type() -> None:
    cache = make_cache(dtype=torch.bfloat16)
    ((keys, values), _) = append(cache, [0], numbered(1, 1), num_keys=1)
    assert keys.dtype == values.dtype == torch.bfloat16


def test_the_budget_counts_keys_and_values_of_all_layers() -> None:
    assert KVCache.bytes_per_token(make_config(), torch.float32) == LAYERS * 2 * 16 * 4


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_scrubbing_takes_out_what_is_not_a_number_and_nothing_else(bad: float) -> None:
    cache = make_cache()
    key = numbered(2, 1)
    key[1, 0, 0, 3] = bad
    append(cache, [0, 0], key, num_keys=1)
    cache.own.scrub()
    ((keys, values), _) = cache.own.layers
    assert keys.isfinite().all()
    assert values.isfinite().all()
    assert torch.equal(keys[0, :, 0], key[0, :, 0])
    assert keys[1, 0, 0, 4] == key[1, 0, 0, 4]
