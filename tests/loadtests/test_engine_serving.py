"""Served load: nobody is lost, and time counts from the arrival."""

from collections.abc import Sequence
from random import Random

import pytest

from loadtests.engine.capacity import Capacity, Probe, RateSearch, find_capacity, percentile
from loadtests.engine.isolation import TimedOutputs
from loadtests.engine.plan import BUNDLED_CHECKPOINT
from loadtests.engine.serving import Served, Watch, serve_batches, serve_continuously
from loadtests.engine.workload import Load, Workload, poisson_load
from model.engine.config import EngineConfig
from model.engine.engine import Engine
from model.load import load_model
from model.tokenizer.prompt import Translation


class Time:
    """Moves only when somebody sleeps or works."""

    def __init__(self) -> None:
        self.now = 100.0

    def clock(self) -> float:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += seconds

    def watch(self) -> Watch:
        return Watch(clock=self.clock, sleep=self.pass_s)


def test_batches_take_who_waits_and_end_together() -> None:
    time = Time()
    batches: list[int] = []

    def generate(workload: Workload) -> list[list[int]]:
        batches.append(workload.batch)
        time.pass_s(10.0)
        return [[7] * len(source) for source in workload.sources]

    load = Load(
        arrivals_s=(1.0, 2.0, 3.0, 4.0, 50.0),
        sources=((1,), (1, 2), (1, 2, 3), (4,), (5,)),
        max_new_tokens=9,
    )
    served = serve_batches(generate, load, time.watch(), max_batch=2)
    assert batches == [1, 2, 1, 1]
    assert [request.done_s for request in served] == [11.0, 21.0, 21.0, 31.0, 60.0]
    assert [request.latency_s for request in served] == [10.0, 19.0, 18.0, 27.0, 10.0]
    assert [request.num_tokens for request in served] == [1, 2, 3, 1, 1]


@pytest.mark.parametrize("num_beams", [1, 2])
def test_our_engine_loses_nobody_and_gives_everybody_what_they_get_alone(num_beams: int) -> None:
    loaded = load_model(BUNDLED_CHECKPOINT, dtype="float32", device="cpu")
    config = EngineConfig(max_source_tokens=64, max_target_tokens=64, max_rows=4)
    engine = Engine(loaded.network, loaded.rules, config)
    texts = ("Good morning.", "The soup is too hot.", "Where is the train station?")
    start_id: int = loaded.hf_config["decoder_start_token_id"]
    sources = tuple(loaded.prompt(t, Translation("de", "en")).encoder_ids for t in texts) * 3
    load = poisson_load(sources, rate=2_000, seconds=0.01, max_new_tokens=30, num_beams=num_beams)
    served = serve_continuously(engine, load, Watch(), start_id=start_id)
    engine.check_invariants()
    assert [request.arrival_s for request in served] == list(load.arrivals_s)
    alone = {}
    for source in set(load.sources):
        one = Load(arrivals_s=(0.0,), sources=(source,), max_new_tokens=30, num_beams=num_beams)
        (alone[source],) = serve_continuously(engine, one, Watch(), start_id=start_id)
    for source, request in zip(load.sources, served, strict=True):
        assert request.num_tokens == alone[source].num_tokens
        assert request.arrival_s <= request.first_token_s <= request.done_s
    if num_beams == 1:
        assert any(request.first_token_s < request.done_s for request in served)


def test_a_load_at_twice_the_rate_is_the_same_in_half_the_time() -> None:
    sources = [(number,) for number in range(50)]
    slow, fast = (
        poisson_load(sources, rate=rate, seconds=1_000 / rate, max_new_tokens=9, num_beams=1)
        for rate in (10, 20)
    )
    assert slow.sources == fast.sources
    assert slow.arrivals_s == pytest.approx([2 * arrival for arrival in fast.arrivals_s])
    assert len(slow.sources) == 1_000
    assert slow.arrivals_s[-1] == pytest.approx(100, rel=0.1)


def test_percentiles() -> None:
    values = list(range(100, 0, -1))
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert percentile([3.0], 0.5) == 3.0


def test_a_probe_counts_from_the_first_arrival_to_the_last_end() -> None:
    served = [
        Served(arrival_s=1.0, first_token_s=1.5, done_s=2.0, num_tokens=4),
        Served(arrival_s=2.0, first_token_s=4.0, done_s=5.0, num_tokens=8),
    ]
    probe = Probe.of("a x", 0.7, served)
    assert (probe.requests_per_s, probe.tokens_per_s) == (0.5, 3.0)
    assert probe.latency_s == {"p50": 1.0, "p95": 3.0, "p99": 3.0}
    assert probe.time_to_first_token_s["p95"] == 2.0


def test_the_search_grows_then_halves_the_gap_and_comes_down_if_it_began_too_high() -> None:
    search = RateSearch(start=10.0)
    rates = []
    for _ in range(8):
        rates.append(search.next_rate())
        search.observe(rates[-1], holds=rates[-1] <= 30.0)
    assert rates[:3] == pytest.approx([10.0, 16.0, 25.6])
    assert search.held == pytest.approx(30.0, rel=0.08)
    assert search.held is not None
    assert search.held <= 30.0
    high = RateSearch(start=100.0)
    for _ in range(12):
        rate = high.next_rate()
        high.observe(rate, holds=rate <= 30.0)
    assert high.held == pytest.approx(30.0, rel=0.08)


def test_a_rate_that_failed_by_a_neighbours_doing_is_tried_again() -> None:
    search = RateSearch(start=10.0)
    for turn in range(12):
        rate = search.next_rate()
        search.observe(rate, holds=rate <= 30.0 and turn != 1)
    assert search.held == pytest.approx(30.0, rel=0.08)


class Counter:
    """A service with one desk, which takes the same time for everybody."""

    cache_bytes = 4

    def __init__(self, name: str, *, seconds: float) -> None:
        self.name = name
        self._seconds = seconds

    def generate(self, workload: Workload) -> TimedOutputs:
        return TimedOutputs(self._seconds, [[1]] * workload.batch)

    def serve(self, load: Load) -> list[Served]:
        served: list[Served] = []
        free_s = 0.0
        for arrival_s in load.arrivals_s:
            free_s = max(free_s, arrival_s) + self._seconds
            served.append(
                Served(arrival_s=arrival_s, first_token_s=free_s, done_s=free_s, num_tokens=2)
            )
        return served


def find(contenders: Sequence[Counter]) -> Capacity:
    sources = [(Random(0).randrange(9),)]
    return find_capacity(
        contenders,
        [Workload(sources=((1,),), num_new_tokens=4, ends=True)] * 3,
        make_load=lambda rate: poisson_load(
            sources, rate=rate, seconds=20, max_new_tokens=4, num_beams=1
        ),
        num_probes=8,
        settle_s=0,
    )


def test_capacity_is_the_highest_rate_within_three_times_what_ctranslate2_takes_alone() -> None:
    quick, peer = Counter("Dragoman x", seconds=0.005), Counter("CTranslate2 x", seconds=0.01)
    capacity = find([quick, peer])
    assert capacity.bound_s == pytest.approx(0.03)
    ours, theirs = capacity.best("Dragoman x"), capacity.best("CTranslate2 x")
    assert ours is not None
    assert theirs is not None
    assert 40 < theirs.requests_per_s < 100  # one desk of 0.01 s cannot serve more
    assert 1.9 < ours.requests_per_s / theirs.requests_per_s < 3.5
    assert theirs.tokens_per_s == pytest.approx(2 * theirs.requests_per_s)
    assert theirs.latency_s["p95"] <= capacity.bound_s


def test_who_never_keeps_the_bound_has_no_capacity() -> None:
    capacity = find([Counter("CTranslate2 x", seconds=0.01), Counter("slow x", seconds=0.5)])
    assert capacity.best("slow x") is None
