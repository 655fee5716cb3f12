"""The bytes left for a cache, against numbers worked out by hand."""

import pytest
import torch

from model.engine.cache.cache_budget import DeviceMemory, cache_bytes, largest_step_bytes
from model.engine.runners.model_runner import ModelRunner
from model.engine.runners.rehearsal import rehearse
from model.errors import ConfigError
from tests.support.engine.factories import make_engine_config, make_network, make_rules

GB = 10**9


def budget(*, fraction: float = 0.9, used: int = 10, step: int = 2, row: int = 1) -> int:
    memory = DeviceMemory(total_bytes=100 * GB, used_bytes=used * GB)
    return cache_bytes(memory, fraction=fraction, step_bytes=step * GB, bytes_per_row=row * GB)


@pytest.mark.parametrize(
    ("fraction", "used", "step", "left"),
    [(0.9, 10, 2, 76), (1.0, 10, 2, 86), (0.5, 10, 2, 36), (0.9, 70, 9, 2), (0.9, 0, 0, 90)],
)
def test_the_cache_gets_what_weights_and_steps_leave(
    fraction: float, used: int, step: int, left: int
) -> None:
    assert budget(fraction=fraction, used=used, step=step) == left * GB


def test_one_row_is_enough_and_a_byte_less_is_not() -> None:
    assert budget(used=70, step=9, row=2) == 2 * GB
    with pytest.raises(ConfigError) as found:
        budget(used=70, step=9, row=3)
    assert str(found.value) == (
        "memory_fraction: 0.9 of the device's 100000000000 bytes is 90000000000; 70000000000 are "
        "in use and 18000000000 are kept for steps, so 2000000000 are left, below the 3000000000 "
        "of one row"
    )


def test_a_device_that_is_full_already_has_nothing_left() -> None:
    with pytest.raises(ConfigError, match="so 0 are left, below the 1000000000 of one row"):
        budget(used=95)


def test_the_largest_step_that_fits_is_the_one_that_is_measured() -> None:
    tried = []

    def take(num_rows: int) -> int:
        tried.append(num_rows)
        if num_rows > 20:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return 7 * num_rows

    assert largest_step_bytes(take, max_rows=128) == 7 * 16
    assert tried == [128, 64, 32, 16]


def test_without_memory_for_one_row_there_is_no_engine() -> None:
    def take(num_rows: int) -> int:
        raise MemoryError(num_rows)

    with pytest.raises(ConfigError, match="no memory left for a step of one row"):
        largest_step_bytes(take, max_rows=8)


def test_what_else_fails_in_a_rehearsal_is_told_as_it_is() -> None:
    def take(num_rows: int) -> int:
        raise RuntimeError(f"no kernel for {num_rows} rows")

    with pytest.raises(RuntimeError, match="no kernel for 8 rows"):
        largest_step_bytes(take, max_rows=8)


@pytest.mark.parametrize("max_encode_tokens", [1, 100, 100_000])
def test_a_rehearsal_fills_every_row_to_its_last_token(max_encode_tokens: int) -> None:
    config = make_engine_config(max_encode_tokens=max_encode_tokens, max_rows=5)
    network, rules = make_network(), make_rules()
    runner = ModelRunner(network, rules, config, cache_dtype=torch.float32)
    rehearse(runner, rules, config)
    assert (runner.cache.own.capacity, runner.cache.source.capacity) == (48, 48)
    for keys, _ in runner.cache.own.layers:
        assert keys[:, :, -1].abs().sum(dim=(1, 2)).all()
