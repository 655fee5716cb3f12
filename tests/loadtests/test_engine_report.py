"""A report's rows equal numbers worked out by hand.

The network is so small, and computing so quick, that the limit of the batch is the bytes read:
224 of the encoder, 456 and 488 of the two steps, 1168 together.
"""

import pytest

from loadtests.engine.capacity import Capacity, Probe
from loadtests.engine.isolation import PeakMemory, Place
from loadtests.engine.machine import Machine
from loadtests.engine.network import Network
from loadtests.engine.plan import Scenario
from loadtests.engine.report import Report, Row
from loadtests.engine.run import Found
from loadtests.engine.serving import Served
from loadtests.engine.turns import Spread, Timing
from loadtests.engine.workload import Workload

NETWORK = Network(
    kind="marian",
    vocab_size=10,
    d_model=2,
    d_ff=2,
    num_heads=1,
    d_head=2,
    encoder_layers=1,
    decoder_layers=1,
)
MACHINE = Machine(
    name="a machine",
    bytes_per_s=1168.0,
    cached_bytes_per_s=1168.0,
    flops_per_s={"float32": 1e18, "int8": 1e18},
)
BATCH = Workload(sources=((5, 6, 0), (7, 8, 0)), num_new_tokens=2)


def timed(contender: str, *seconds: float) -> Timing:
    return Timing(contender, BATCH, seconds, output_tokens=(2, 2))


def probe(contender: str, *, tokens_per_s: float, p95_s: float) -> Probe:
    return Probe(
        contender=contender,
        offered_per_s=tokens_per_s,
        requests_per_s=tokens_per_s,
        tokens_per_s=tokens_per_s,
        latency_s={"p50": 0.1, "p95": p95_s, "p99": p95_s},
        time_to_first_token_s={"p50": 0.1, "p95": 0.1, "p99": 0.1},
    )


def report_of(*timings: Timing, served: dict[int, Capacity] | None = None) -> Report:
    found = Found(
        scenario=Scenario(model="tiny", cells=((2, 1),), contenders=(), num_rounds=2),
        network=NETWORK,
        timings=list(timings),
        served=served or {},
        memory={"Dragoman float32": PeakMemory(loading_bytes=7, running_bytes=9)},
    )
    return Report(machine=MACHINE, place=Place(device="cpu", num_threads=1), found=[found])


def test_a_batchs_row_has_speeds_ratios_and_the_share_of_the_limit() -> None:
    report = report_of(
        timed("Dragoman float32", 2.0, 4.0),  # 2 and 1 tokens a second
        timed("Dragoman int8", 8.0, 8.0),
        timed("CTranslate2 float32", 8.0, 4.0),  # 0.5 and 1
    )
    assert report.rows() == [
        Row(
            model="tiny",
            batch=2,
            beams=1,
            ours="Dragoman float32",
            ours_tokens_per_s=1.5,
            peers={"CTranslate2 float32": 0.75},
            ratios={"CTranslate2": Spread(median=2.5, low=1.0, high=4.0)},
            limit_tokens_per_s=4.0,
        )
    ]
    (row,) = report.to_json()["rows"]
    assert (row["vs_ctranslate2"], row["vs_transformers"]) == (2.5, None)
    assert (row["of_roofline"], row["load"]) == (0.375, "offline")


def test_every_timing_is_written_with_all_tokens_of_its_batch() -> None:
    (batch,) = report_of(timed("Dragoman float32", 2.0, 4.0)).to_json()["batches"]
    assert batch == {
        "model": "tiny",
        "batch": 2,
        "beams": 1,
        "contender": "Dragoman float32",
        "seconds": (2.0, 4.0),
        "output_tokens": 4,
        "tokens_per_s": {"median": 1.5, "low": 1.0, "high": 2.0},
        "limit_tokens_per_s": 4.0,
    }


def test_a_type_without_a_measured_product_has_no_limit() -> None:
    (row,) = report_of(timed("Dragoman bfloat16", 2.0)).rows()
    assert (row.limit_tokens_per_s, row.of_limit) == (None, None)


def test_a_served_row_compares_the_highest_rates_that_kept_the_bound() -> None:
    names = ("Dragoman int8", "CTranslate2 int8", "transformers")
    capacity = Capacity(
        bound_s=1.0,
        unloaded_s={name: {"p50": 0.1} for name in names},
        probes=[
            probe("Dragoman int8", tokens_per_s=20.0, p95_s=1.0),
            probe("Dragoman int8", tokens_per_s=30.0, p95_s=1.0),
            probe("CTranslate2 int8", tokens_per_s=12.0, p95_s=0.5),
            probe("CTranslate2 int8", tokens_per_s=90.0, p95_s=1.5),
            probe("transformers", tokens_per_s=50.0, p95_s=2.0),
        ],
    )
    report = report_of(served={4: capacity})
    assert report.rows() == [
        Row(
            model="tiny",
            batch=None,
            beams=4,
            ours="Dragoman int8",
            ours_tokens_per_s=30.0,
            peers={"CTranslate2 int8": 12.0, "transformers": None},
            ratios={"CTranslate2": Spread(median=2.5, low=2.5, high=2.5)},
            limit_tokens_per_s=None,
        )
    ]
    (served,) = report.to_json()["served"]
    assert [entry["holds"] for entry in served["probes"]] == [True, True, True, False, False]
    assert served["best"]["CTranslate2 int8"]["tokens_per_s"] == 12.0
    assert served["best"]["transformers"] is None


def test_the_time_of_a_load_ends_with_the_last_answer_whichever_request_it_is_for() -> None:
    served = [
        Served(arrival_s=1.0, first_token_s=2.0, done_s=9.0, num_tokens=10),
        Served(arrival_s=3.0, first_token_s=4.0, done_s=5.0, num_tokens=6),
    ]
    measured = Probe.of("a x", 0.7, served)
    assert (measured.requests_per_s, measured.tokens_per_s) == (0.25, 2.0)


def test_the_memory_of_each_contender_is_written() -> None:
    assert report_of().to_json()["memory"] == [
        {
            "model": "tiny",
            "contender": "Dragoman float32",
            "loading_bytes": 7,
            "running_bytes": 9,
        }
    ]


@pytest.mark.parametrize("speed", [None, 0.0])
def test_a_served_peer_without_a_speed_has_no_ratio(speed: float | None) -> None:
    ours, peer = "Dragoman int8", "CTranslate2 int8"
    probes = [probe(ours, tokens_per_s=20.0, p95_s=0.5)]
    if speed is not None:
        probes.append(probe(peer, tokens_per_s=speed, p95_s=0.5))
    capacity = Capacity(bound_s=1.0, unloaded_s={ours: {}, peer: {}}, probes=probes)
    (row,) = report_of(served={1: capacity}).rows()
    assert row.ratios == {}
