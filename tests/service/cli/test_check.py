"""`dragoman models check` of what is on this machine, and what it says for people."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from model.kernels.levels import LEVELS
from tests.support.checkpoints.factories import write_json
from tests.support.checkpoints.small_models import write_translator
from tests.support.service.commands import fail, succeed


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_translator(tmp_path_factory.mktemp("models") / "opus")


def check(name: str, *options: str) -> Any:
    """The report on a model, measured for no longer than needed."""
    return json.loads(succeed("models", "check", name, "--seconds", "0.01", "--json", *options))


def test_check_tries_what_the_catalogue_says_a_model_is_for() -> None:
    text = succeed("models", "check", "bundled/translate", "--seconds", "0")
    # Of the two, one is a thousandth more likely: rounding decides.
    assert re.search(r"answer  Wann (fährt|geht) der nächste Zug\?", text)
    assert "speed" not in text
    report = check("bundled/translate", "--from", "fr", "--to", "en", "--dtype", "float32")
    assert report["text"].startswith("Quand part")
    assert "train" in report["answer"]
    assert report["dtype"] == "float32"


def test_check_for_people_says_what_was_tried_and_how() -> None:
    options = ("--from", "en", "--to", "de", "--dtype", "int8", "--seconds", "0")
    lines = succeed("models", "check", "bundled/translate", *options).splitlines()
    kernels = "|".join(["pytorch", *(rf"own \({re.escape(level.title)}\)" for level in LEVELS)])
    how = rf"in [\d.]+ s, as int8, computing in \w+ on cpu, kernels: ({kernels})"
    assert re.fullmatch(f"loaded  {how}", lines[4])
    assert lines[5] == "task    translation, en to de"
    assert lines[2].endswith("  model.safetensors (nothing to compare it with)")
    lines = succeed("models", "check", "bundled/summarize", "--seconds", "0").splitlines()
    assert "task    summarization, tldr" in lines
    assert len([line for line in lines if line.startswith("        ")]) > 3  # the wrapped text


def test_check_says_how_to_name_the_languages_that_a_model_has_to_be_told(translator: Path) -> None:
    assert fail("models", "check", str(translator)).endswith(
        "target_lang: this model must be told one of de, fr, zh; --from and --to name languages\n"
    )


def test_check_lists_all_that_does_not_fit(translator: Path, tmp_path: Path) -> None:
    config = json.loads((translator / "config.json").read_text())
    for file in translator.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    write_json(tmp_path / "config.json", {**config, "encoder_layers": 3, "encoder_ffn_dim": 10})
    message = fail("models", "check", str(tmp_path))
    assert "missing: model.encoder.layers.2.fc1.weight" in message
    assert "misshapen: model.encoder.layers.0.fc1.weight (20, 12)" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(["--to", "de"], "--from is needed", id="no source"),
        pytest.param(["--from", "en"], "--to is needed", id="no target"),
        pytest.param(["--seconds", "-1"], "'--seconds'", id="seconds"),
        pytest.param(["--dtype", "int3"], "int3", id="dtype"),
    ],
)
def test_wrong_options_of_check_are_named(options: list[str], message: str) -> None:
    assert message in fail("models", "check", "bundled/translate", *options, code=2)
