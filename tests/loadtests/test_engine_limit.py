"""The roofline, by numbers worked out by hand."""

import pytest

from loadtests.engine.limit import Rates, Work, limit_s
from loadtests.engine.machine import Machine, measure_machine
from loadtests.engine.network import MARIAN_BASE, Network

# Two heads of 2, no biases. Encoder: 4 * 4*4 (attention) + 2 * 4*8 (feed-forward) + 2 * 4 (norms)
# = 136; 4 (last norm) + 64 (distances); the cross-attention's keys and values 2 * 16 = 32.
# Decoder: 6 * 16 + 64 + 3 * 4 = 172; 68; output 10 * 4 = 40.
NETWORK = Network(
    kind="t5",
    vocab_size=10,
    d_model=4,
    d_ff=8,
    num_heads=2,
    d_head=2,
    encoder_layers=1,
    decoder_layers=1,
)
ENDLESS = 1e30


def limit(work: Work, *, bytes_per_s: float = ENDLESS, flops_per_s: float = ENDLESS) -> float:
    rates = Rates(bytes_per_s=bytes_per_s, flops_per_s=flops_per_s)
    return limit_s(NETWORK, work, rates, weight_bytes=2, cache_bytes=4)


def test_weights_by_hand() -> None:
    assert NETWORK.encoding_weights == 136 + 68 + 32
    assert NETWORK.step_weights == 172 + 68 + 40
    assert NETWORK.cached_numbers == 8


def test_reading_counts_weights_once_a_step_and_the_cache_as_it_grows() -> None:
    work = Work(source_tokens=[3, 5], num_steps=[2, 2], num_beams=1)
    encoding = 236 * 2
    first = 280 * 2 + (3 + 5) * 8 * 4  # nothing of an output is cached yet
    second = 280 * 2 + (3 + 5 + 2) * 8 * 4
    assert limit(work, bytes_per_s=1) == pytest.approx(encoding + first + second)


def test_beams_share_the_source_and_not_their_own_past() -> None:
    work = Work(source_tokens=[3], num_steps=[2], num_beams=4)
    expected = 236 * 2 + 2 * 280 * 2 + 3 * 8 * 4 + (3 + 4) * 8 * 4
    assert limit(work, bytes_per_s=1) == pytest.approx(expected)


def test_who_has_ended_is_read_no_more() -> None:
    work = Work(source_tokens=[3, 5], num_steps=[1, 2], num_beams=1)
    expected = 236 * 2 + 2 * 280 * 2 + (3 + 5) * 8 * 4 + (5 + 1) * 8 * 4
    assert limit(work, bytes_per_s=1) == pytest.approx(expected)


def test_computing_counts_every_token_of_a_source_and_every_row_of_a_step() -> None:
    work = Work(source_tokens=[3], num_steps=[1], num_beams=2)
    encoding = 2 * 236 * 3 + 4 * 4 * 3 * 3  # 4 operations for each of 9 pairs and 4 numbers
    step = 2 * 280 * 2 + 2 * 8 * (2 * 1 + 2 * 3)
    assert limit(work, flops_per_s=1) == pytest.approx(encoding + step)


def test_each_step_takes_the_longer_of_the_two() -> None:
    rates = Rates(bytes_per_s=10, flops_per_s=100)
    assert rates.seconds(num_bytes=20, flops=150) == 2.0
    assert rates.seconds(num_bytes=20, flops=300) == 3.0


def test_a_small_batch_of_a_known_network_is_bound_by_reading() -> None:
    """58,101 * 513 + 6 * 3,677,696 - 6 * 2 * 512 * 513: what int8 reads, at 20 GB/s, in ms."""
    rates = Rates(bytes_per_s=20e9, flops_per_s=2e12)
    work = Work(source_tokens=[30], num_steps=[1], num_beams=1)
    seconds = limit_s(MARIAN_BASE, work, rates, weight_bytes=1, cache_bytes=4)
    encoding = MARIAN_BASE.encoding_weights / 20e9
    cache = 30 * 2 * 512 * 6 * 4 / 20e9
    assert seconds == pytest.approx(MARIAN_BASE.step_weights / 20e9 + encoding + cache)
    assert 2e-3 < MARIAN_BASE.step_weights / 20e9 < 3e-3


def test_the_machine_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtests.engine.machine._MEMORY_BYTES", 1 << 22)
    monkeypatch.setattr("loadtests.engine.machine._CACHED_BYTES", 1 << 20)
    monkeypatch.setattr("loadtests.engine.machine._GEMM_SIZES", (64,))
    machine = measure_machine("cpu")
    assert machine.name
    assert 1e8 < machine.bytes_per_s < 1e13
    assert {"float32", "bfloat16"} <= set(machine.flops_per_s)
    assert all(rate > 1e6 for rate in machine.flops_per_s.values())


def test_of_two_measurements_the_better_is_the_limit() -> None:
    slow = Machine(name="a", bytes_per_s=1, cached_bytes_per_s=4, flops_per_s={"int8": 2})
    fast = Machine(name="a", bytes_per_s=3, cached_bytes_per_s=3, flops_per_s={"int8": 1})
    best = Machine(name="a", bytes_per_s=3, cached_bytes_per_s=4, flops_per_s={"int8": 2})
    assert slow.or_better(fast) == best
