"""The command: what it measures, and what it writes."""

import json
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import torch

from loadtests.engine import __main__ as command
from loadtests.engine import plan, run, workload
from loadtests.engine.machine import Machine
from loadtests.engine.network import Network
from loadtests.engine.options import parse
from loadtests.engine.options import plan as make_plan

TINY = Network(
    kind="marian",
    vocab_size=500,
    d_model=32,
    d_ff=64,
    num_heads=4,
    d_head=8,
    encoder_layers=2,
    decoder_layers=2,
)
MACHINE = Machine(
    name="a machine",
    bytes_per_s=1e9,
    cached_bytes_per_s=1e9,
    flops_per_s={"float32": 1e9, "bfloat16": 1e9, "int8": 1e9},
)
KEYS = {
    *("model", "batch", "beams", "load", "ours_tokens_per_s", "peers"),
    *("vs_ctranslate2", "vs_transformers", "of_roofline"),
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Everything tiny and few; returns the folder of checkpoints."""
    pytest.importorskip("transformers")
    monkeypatch.setitem(plan.NETWORKS, "marian-base", TINY)
    monkeypatch.setattr(command, "apart", lambda *_, **__: MACHINE)
    monkeypatch.setattr(run, "_NUM_ALONE", 3)
    monkeypatch.setattr(workload, "_LEAST_REQUESTS", 3)
    return tmp_path


def run_it(folder: Path, *arguments: str) -> dict[str, Any]:
    result = folder / "result.json"
    files = ["--cache", str(folder), "--json", str(result)]
    assert command.main(["--threads", "1", "--rounds", "2", *arguments, *files]) == 0
    written: dict[str, Any] = json.loads(result.read_text())
    return written


def assert_it_follows_from_its_batches(row: dict[str, Any], batches: list[dict[str, Any]]) -> None:
    """One of our types and one of CTranslate2's were timed, both with the tokens asked for."""
    place = ("model", "batch", "beams")
    own = [batch for batch in batches if [batch[k] for k in place] == [row[k] for k in place]]
    ours, theirs = (own[0], own[1])
    assert [ours["contender"], theirs["contender"]] == ["Dragoman float32", "CTranslate2 int8"]
    speeds = [[b["output_tokens"] / seconds for seconds in b["seconds"]] for b in own]
    assert row["ours_tokens_per_s"] == pytest.approx(median(speeds[0]))
    assert row["peers"] == {"CTranslate2 int8": pytest.approx(median(speeds[1]))}
    in_rounds = [a / b for a, b in zip(*speeds, strict=True)]
    assert row["vs_ctranslate2"] == pytest.approx(median(in_rounds))
    assert row["of_roofline"] == pytest.approx(median(speeds[0]) / ours["limit_tokens_per_s"])
    if row["model"] == "marian-base":  # with random weights, no output ends by itself
        assert {batch["output_tokens"] for batch in own} == {4 * row["batch"]}


def assert_it_follows_from_its_loads(row: dict[str, Any], served: dict[str, Any]) -> None:
    """The bound is three times the judge's time without load; best is the fastest that kept it."""
    unloaded = served["unloaded_latency_s"]
    assert unloaded.keys() == {"Dragoman float32", "CTranslate2 int8"}
    assert served["p95_bound_s"] == pytest.approx(3 * unloaded["CTranslate2 int8"]["p95"])
    for name in unloaded:
        kept = [
            (probe["requests_per_s"], probe["tokens_per_s"])
            for probe in served["probes"]
            if probe["contender"] == name and probe["latency_s"]["p95"] <= served["p95_bound_s"]
        ]
        speed = row["peers"].get(name, row["ours_tokens_per_s"])
        assert speed == (max(kept)[1] if kept else None)


@pytest.mark.timeout(900)
def test_a_quick_run_prints_writes_and_draws_everything(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ctranslate2")
    picture = small / "picture.png"
    written = run_it(
        small,
        *("--quick", "--models", "marian-base", "bundled", "--batch", "1", "2"),
        *("--beams", "1", "--new-tokens", "4", "--load-s", "0.05", "--plot", str(picture)),
        *("--contenders", "dragoman-float32", "ctranslate2-int8"),
    )
    rows = written["rows"]
    assert [(row["model"], row["batch"], row["beams"], row["load"]) for row in rows] == [
        ("marian-base", 1, 1, "offline"),
        ("marian-base", 2, 1, "offline"),
        ("bundled", 1, 1, "offline"),
        ("bundled", 2, 1, "offline"),
        ("bundled", None, 1, "served"),
    ]
    for row in rows:
        assert row.keys() >= KEYS
        assert row["vs_transformers"] is None
        assert (row["of_roofline"] is None) == (row["load"] == "served")
    for row in rows[:4]:
        assert_it_follows_from_its_batches(row, written["batches"])
    (served,) = written["served"]
    assert_it_follows_from_its_loads(rows[4], served)
    assert {entry["running_bytes"] > 1e6 for entry in written["memory"]} == {True}
    assert written["threads"] == 1
    assert "Our best type over each library's best" in capsys.readouterr().out
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.timeout(900)
def test_a_missing_package_leaves_its_contenders_out(
    small: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(run.PACKAGES, "ctranslate2", "a_package_that_is_not_there")
    written = run_it(
        small,
        *("--models", "marian-base", "--batch", "1", "--beams", "1", "--new-tokens", "2"),
        *("--contenders", "dragoman-float32", "ctranslate2-int8", "--load", "offline"),
    )
    assert "ctranslate2-int8 is left out" in capsys.readouterr().err
    (row,) = written["rows"]
    assert row["peers"] == {}
    assert row["vs_ctranslate2"] is None


def test_quick_covers_the_rows_that_must_not_become_slower() -> None:
    planned = {scenario.model: scenario for scenario in plan.quick_plan()}
    expected = {(batch, beams) for batch in (1, 8, 32) for beams in (1, 4)}
    assert set(planned["marian-base"].cells) == expected
    assert planned["bundled"].served_beams == (1,)
    assert {"bart-large", "t5-base"} <= planned.keys()
    for scenario in planned.values():
        libraries = {name.partition("-")[0] for name in scenario.contenders}
        assert libraries == {"dragoman", "ctranslate2", "transformers"}


def test_options_change_the_plan() -> None:
    arguments = ["--models", "t5-base", "--batch", "3", "--beams", "2", "--rounds", "7"]
    (scenario,) = make_plan(parse([*arguments, "--served-beams", "4"]))
    assert (scenario.model, scenario.cells, scenario.num_rounds) == ("t5-base", ((3, 2),), 7)
    assert scenario.served_beams == (4,)
    assert all(not s.served_beams for s in make_plan(parse(["--load", "offline"])))


@pytest.mark.skipif(torch.cuda.is_available(), reason="would measure")
def test_without_a_gpu_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--device", "cuda"]) == 2
    assert "no GPU" in capsys.readouterr().err


def test_a_gpu_has_a_plan_of_its_own() -> None:
    planned = make_plan(parse(["--device", "cuda"]))
    assert [scenario.model for scenario in planned] == ["marian-base", "bart-large", "flan-t5-xl"]
    assert all(scenario.source_tokens == (260, 440) for scenario in planned)
    assert {batch for scenario in planned for batch, _ in scenario.cells} == {32, 64, 128}
