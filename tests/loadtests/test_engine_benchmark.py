"""The benchmark compares like with like: the same work for everybody, the same arithmetic."""

import json
import math
from pathlib import Path

import pytest

from loadtests import engine
from loadtests.checkpoint import Shape, make_checkpoint
from loadtests.contenders import Contender, CTranslate2, Dragoman, Transformers, Workload
from loadtests.measurement import Timing, make_workload, measure
from loadtests.report import Report

TINY = Shape(d_model=32, num_layers=2, num_heads=4, d_ff=64, vocab_size=500)
NUM_NEW_TOKENS = 6


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers")
    return make_checkpoint(TINY, tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="module")
def contenders(checkpoint: Path) -> list[Contender]:
    pytest.importorskip("ctranslate2")
    return [
        Dragoman(checkpoint, dtype="float32", max_rows=8),
        Dragoman(checkpoint, dtype="bfloat16", max_rows=8),
        Transformers(checkpoint, dtype="float32", shape=TINY),
        Transformers(checkpoint, dtype="bfloat16", shape=TINY),
        CTranslate2(checkpoint, dtype="float32", num_threads=1),
        CTranslate2(checkpoint, dtype="int8", num_threads=1),
    ]


def _workload(*, num_beams: int = 1) -> Workload:
    return make_workload(
        TINY,
        num_sources=3,
        source_tokens=(3, 9),
        num_new_tokens=NUM_NEW_TOKENS,
        num_beams=num_beams,
    )


@pytest.mark.parametrize("num_beams", [1, 2])
def test_every_contender_decodes_the_same_number_of_tokens(
    contenders: list[Contender], num_beams: int
) -> None:
    for contender in contenders:
        outputs = contender.generate(_workload(num_beams=num_beams))
        assert [len(output) for output in outputs] == [NUM_NEW_TOKENS] * 3, contender.name


def test_our_float32_gives_the_peers_float32_tokens(contenders: list[Contender]) -> None:
    outputs = {c.name: c.generate(_workload()) for c in contenders if "float32" in c.name}
    assert outputs["Dragoman float32"] == outputs["transformers float32"]
    assert outputs["Dragoman float32"] == outputs["CTranslate2 float32"]


def test_the_checkpoint_is_made_once(checkpoint: Path) -> None:
    weights = checkpoint / "model.safetensors"
    before = weights.stat().st_mtime_ns
    assert make_checkpoint(TINY, checkpoint.parent) == checkpoint
    assert weights.stat().st_mtime_ns == before


def test_the_weights_of_a_step_are_counted_as_the_checkpoint_has_them(checkpoint: Path) -> None:
    safetensors = pytest.importorskip("safetensors")
    with safetensors.safe_open(checkpoint / "model.safetensors", "pt") as file:
        sizes = {name: math.prod(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no mapping
    read_each_step = sum(
        size
        for name, size in sizes.items()
        if name.startswith(("model.decoder.layers.", "model.shared.", "final_logits_bias"))
        and ".encoder_attn.k_proj." not in name
        and ".encoder_attn.v_proj." not in name
    )
    assert TINY.step_parameters == read_each_step


class _Echo:
    """Answers at once, with one token too few if told so."""

    def __init__(self, name: str, *, missing: int = 0) -> None:
        self.name = name
        self.turns = 0
        self._missing = missing

    def generate(self, workload: Workload) -> list[list[int]]:
        self.turns += 1
        return [[1] * (workload.num_new_tokens - self._missing) for _ in workload.sources]


def test_contenders_take_turns_and_the_first_round_does_not_count() -> None:
    echoes = [_Echo("a"), _Echo("b")]
    timings = measure(echoes, [_workload()], num_rounds=3, settle_s=0)
    assert [echo.turns for echo in echoes] == [4, 4]
    assert [len(timing.seconds) for timing in timings] == [3, 3]


def test_fewer_tokens_than_asked_for_are_no_result() -> None:
    with pytest.raises(RuntimeError, match=r"\[5\] tokens; 3 of 6 were asked for"):
        measure([_Echo("short", missing=1)], [_workload()], num_rounds=1, settle_s=0)


def test_ratios_are_of_the_best_and_within_each_round() -> None:
    workload = _workload()
    report = Report(
        shape=TINY,
        num_threads=1,
        bandwidth=1e9,
        timings=[
            Timing("Dragoman float32", workload, (4.0, 4.0, 4.0)),
            Timing("Dragoman bfloat16", workload, (1.0, 2.0, 1.0)),
            Timing("CTranslate2 float32", workload, (9.0, 9.0, 9.0)),
            Timing("CTranslate2 int8", workload, (2.0, 6.0, 1.5)),
        ],
    )
    spread = report.against(workload, "CTranslate2")
    assert spread is not None
    assert (spread.median, spread.low, spread.high) == (2.0, 1.5, 3.0)
    assert report.against(workload, "transformers") is None
    weights_s = TINY.step_parameters * 2 / 1e9
    assert report.over_limit(report.timings[1]) == pytest.approx(1.0 / NUM_NEW_TOKENS / weights_s)


def test_the_command_prints_ratios_and_writes_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ctranslate2")
    monkeypatch.setattr(engine, "read_bandwidth", lambda: 1e9)
    shape = ["--d-model", "32", "--num-layers", "1", "--num-heads", "2", "--d-ff", "32"]
    run = ["--batch", "2", "--rounds", "1", "--new-tokens", "3", "--threads", "1"]
    names = ["--contenders", "dragoman-float32", "ctranslate2-int8"]
    files = ["--cache", str(tmp_path), "--json", str(tmp_path / "out.json")]
    assert engine.main([*shape, "--vocab-size", "500", *run, *names, *files]) == 0
    assert "Dragoman / best" in capsys.readouterr().out
    written = json.loads((tmp_path / "out.json").read_text())
    assert [ratio["library"] for ratio in written["ratios"]] == ["CTranslate2"]
    assert written["results"][0]["contender"] == "Dragoman float32"


def test_a_missing_package_leaves_its_contenders_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_checkpoint(TINY, tmp_path)
    monkeypatch.setattr(engine, "read_bandwidth", lambda: 1e9)
    monkeypatch.setitem(engine._PACKAGES, "ctranslate2", "a_package_that_is_not_there")
    shape = ["--d-model", "32", "--num-layers", "2", "--num-heads", "4", "--d-ff", "64"]
    run = ["--batch", "1", "--rounds", "1", "--new-tokens", "2", "--threads", "1"]
    names = ["--contenders", "dragoman-float32", "ctranslate2-int8"]
    cache = ["--cache", str(tmp_path)]
    assert engine.main([*shape, "--vocab-size", "500", *run, *names, *cache]) == 0
    assert "ctranslate2-int8 is left out" in capsys.readouterr().err
