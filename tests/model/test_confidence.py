import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.confidence import (
    Calibration,
    calibration_file,
    confidence,
    features,
    logistic,
    read_calibration,
)
from model.engine.config import EngineConfig
from model.errors import CheckpointError
from model.json_file import read_json_object
from model.load import BUNDLED, load_model
from model.scoring.forced_pass import ForcedPass
from model.scoring.given import Given, Reading
from model.tokenizer.prompt import Translation

SURE, UNSURE = (-0.05, -0.1, -0.02), (-0.9, -2.5, -0.4)
OWN = Calibration(mean_log_prob=5.0, log_tokens=0.5, length_change=-2.0, intercept=1.5)


def test_features_are_of_tokens_and_of_the_change_in_length() -> None:
    assert features("abc", "abcdefg", (-1.0, -3.0)) == (-2.0, math.log(2), math.log(2))
    assert features("abcdefg", "abc", (-1.0, -3.0)) == (-2.0, math.log(2), math.log(2))


@pytest.mark.parametrize("calibration", [None, OWN, read_calibration(BUNDLED / "translate")])
def test_likely_tokens_give_more_confidence(calibration: Calibration | None) -> None:
    sure, unsure = (
        confidence("Guten Tag.", "Good day.", log_probs, calibration=calibration)
        for log_probs in (SURE, UNSURE)
    )
    assert 0 < unsure < 0.4
    assert 0.7 < sure < 1


def test_without_a_calibration_it_is_the_mean_probability() -> None:
    found = confidence("a", "b", (math.log(0.5), math.log(0.125)), calibration=None)
    assert found == pytest.approx(0.25)


@given(
    texts=st.tuples(st.text(), st.text()),
    log_probs=st.lists(st.floats(-1e30, 0), min_size=1),
    calibration=st.sampled_from([None, OWN]),
)
def test_it_is_always_between_0_and_1(
    texts: tuple[str, str], log_probs: list[float], calibration: Calibration | None
) -> None:
    assert 0 <= confidence(*texts, log_probs, calibration=calibration) <= 1


@given(exponent=st.floats(allow_nan=False))
def test_the_logistic_function_takes_any_number(exponent: float) -> None:
    assert 0 <= logistic(exponent) <= 1
    assert logistic(exponent) + logistic(-exponent) == pytest.approx(1)


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_calibration(tmp_path) is None
    content = calibration_file(OWN, measured={"area_under_curve": 0.8})
    (tmp_path / "confidence.json").write_text(json.dumps(content))
    assert read_calibration(tmp_path) == OWN


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"coefficients": 3},
        {"coefficients": {"mean_log_prob": 1.0}},
        {"coefficients": {**calibration_file(OWN, measured={})["coefficients"], "more": 1.0}},
        {"coefficients": {**calibration_file(OWN, measured={})["coefficients"], "intercept": "1"}},
        {"coefficients": {**calibration_file(OWN, measured={})["coefficients"], "intercept": True}},
    ],
    ids=str,
)
def test_a_malformed_file_is_refused_by_its_name(tmp_path: Path, content: dict[str, Any]) -> None:
    (tmp_path / "confidence.json").write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=r"confidence\.json: "):
        read_calibration(tmp_path)


def test_the_bundled_translator_is_calibrated_and_the_summarizer_is_not() -> None:
    assert load_model(BUNDLED / "translate", device="cpu").calibration is not None
    assert load_model(BUNDLED / "summarize", device="cpu").calibration is None
    measured = read_json_object(BUNDLED / "translate" / "confidence.json")["measured"]
    assert measured["area_under_curve"] > 0.75
    assert measured["calibration_error"] < 0.05


def test_a_good_translation_has_more_confidence_than_the_model_has_in_a_wrong_one() -> None:
    loaded = load_model(BUNDLED / "translate", dtype="float32", device="cpu")
    source, limit = "Where is the dog?", loaded.config.max_positions
    limits = EngineConfig(max_source_tokens=limit, max_target_tokens=limit)
    forced = ForcedPass(loaded.network, loaded.rules, limits)
    found = []
    for output in ("Wo ist der Hund?", "Der Preis ist heute niedrig."):
        given_output = Given(
            prompt=loaded.prompt(source, Translation("de", "en")),
            output_ids=tuple(loaded.tokenizer.encode_target(output)),
        )
        (reading,) = forced.read([given_output])
        assert isinstance(reading, Reading)
        found.append(loaded.confidence(source, output, reading.log_probs))
    good, wrong = found
    assert good > 0.8
    assert wrong < 0.05
