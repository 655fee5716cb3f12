"""An engine's size follows from its limits and its memory."""

import pytest

from model.engine.config import MemoryFraction
from model.errors import ConfigError
from tests.support.engine.factories import make_engine_config


def test_the_budget_decides_how_many_rows_there_are() -> None:
    config = make_engine_config(max_source_tokens=10, max_target_tokens=6, kv_cache_bytes=1_000)
    assert config.num_rows(bytes_per_token=10) == 6  # 160 bytes each


def test_more_memory_than_rows_asked_for_is_left_alone() -> None:
    assert make_engine_config(max_rows=3).num_rows(bytes_per_token=1) == 3


def test_a_budget_below_one_row_is_an_error_that_says_both() -> None:
    config = make_engine_config(max_source_tokens=10, max_target_tokens=6, kv_cache_bytes=159)
    with pytest.raises(ConfigError, match="kv_cache_bytes: 159 is below the 160 bytes of one row"):
        config.num_rows(bytes_per_token=10)


@pytest.mark.parametrize(
    "field",
    ["max_source_tokens", "max_target_tokens", "max_rows", "max_encode_tokens", "max_waiting"],
)
def test_a_limit_of_nothing_is_refused(field: str) -> None:
    with pytest.raises(ConfigError, match=f"{field}: 0 is below 1"):
        make_engine_config(**{field: 0})


@pytest.mark.parametrize("seconds", [-0.1, float("nan")])
def test_a_run_of_steps_may_last_no_time_but_not_less(seconds: float) -> None:
    assert make_engine_config(run_on_s=0).run_on_s == 0
    with pytest.raises(ConfigError, match=f"run_on_s: {seconds} is below 0"):
        make_engine_config(run_on_s=seconds)


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.01, float("nan")])
def test_a_fraction_of_nothing_or_of_more_than_all_is_refused(fraction: float) -> None:
    with pytest.raises(ConfigError, match=f"memory_fraction: {fraction} is not above 0"):
        MemoryFraction(fraction)


def test_a_fraction_of_a_gpu_s_memory_says_nothing_where_there_is_none() -> None:
    config = make_engine_config(kv_cache_bytes=MemoryFraction(0.5))
    with pytest.raises(ConfigError, match=r"memory_fraction: 0.5 .* give kv_cache_bytes"):
        config.num_rows(bytes_per_token=1)
