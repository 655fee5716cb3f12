"""The command line from text to a measured checkpoint, on a tiny recipe."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from model.load import load_model
from model.training.__main__ import app
from model.training.corpus import TrainingError
from model.training.history import read_stages
from model.training.translation import commands
from model.training.translation.evaluation import translate_all
from tests.support.checkpoints.translation_training import (
    TINY_RECIPE,
    make_vocabulary,
    write_corpus,
)


@pytest.fixture(scope="module", autouse=True)
def tiny() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "RECIPE", TINY_RECIPE)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a finished training."""
    folder = tmp_path_factory.mktemp("run")
    train(data, folder)
    return folder


def train(data: Path, folder: Path, *options: str | Path) -> None:
    minutes = ("--max-minutes", "0.03")
    run("translator", "train", "--data", data, "--output", folder, *minutes, *options)


def run(*arguments: str | Path) -> None:
    result = CliRunner().invoke(
        app, [str(argument) for argument in arguments], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output


def test_one_command_leads_from_text_to_a_checkpoint_that_serves(finished: Path) -> None:
    loaded = load_model(finished / "checkpoint")
    assert loaded.config.vocab_size == TINY_RECIPE.vocab_size
    assert loaded.config.d_model == TINY_RECIPE.shape.d_model


def test_the_card_has_the_attributions_and_a_row_for_each_measurement(finished: Path) -> None:
    card = (finished / "checkpoint" / "README.md").read_text(encoding="utf-8")
    assert "- Made up." in card
    rows = [line for line in card.splitlines() if "toy valid" in line]
    assert [row.split(" | ")[0].strip("| ") for row in rows] == ["en->de"] * 2 + ["de->en"] * 2
    assert [row.split(" | ")[3] for row in rows] == ["greedy", "beam 4"] * 2


def test_a_finished_training_that_is_resumed_ends_at_once_with_the_same_weights(
    finished: Path, data: Path
) -> None:
    before = (finished / "checkpoint" / "model.safetensors").read_bytes()
    run(
        "translator",
        "train",
        "--data",
        data,
        "--output",
        finished,
        "--max-minutes",
        "0.03",
        "--resume",
    )
    assert (finished / "checkpoint" / "model.safetensors").read_bytes() == before


def test_a_training_is_not_overwritten_by_a_fresh_one(finished: Path, data: Path) -> None:
    with pytest.raises(TrainingError, match="go on with it by --resume"):
        train(data, finished)


def test_a_checkpoint_is_measured_on_the_files_that_exist(
    finished: Path, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="model.training"):
        run("translator", "evaluate", "--data", data, "--checkpoint", finished / "checkpoint")
    assert len(caplog.messages) == 4  # two directions, greedy and with beams; there is no test file
    assert all("toy valid, 10 lines" in message for message in caplog.messages)


def test_exporting_before_anything_was_saved_is_refused(tmp_path: Path) -> None:
    make_vocabulary().save(tmp_path / "vocabulary")
    with pytest.raises(TrainingError, match=r"training\.pt does not exist"):
        run("translator", "export", "--run", tmp_path, "--checkpoint", tmp_path / "checkpoint")


def test_a_training_that_goes_on_from_a_checkpoint_tells_of_both_stages(
    finished: Path, data: Path, tmp_path: Path
) -> None:
    train(data, tmp_path, "--start-from", finished / "checkpoint")
    stages = read_stages(tmp_path / "checkpoint")
    assert stages[:1] == read_stages(finished / "checkpoint")
    assert len(stages) == 2
    card = (tmp_path / "checkpoint" / "README.md").read_text(encoding="utf-8")
    assert f"1. {stages[0]}.\n2. {stages[1]}." in card


def test_the_card_shows_what_the_model_makes_of_each_sample(finished: Path) -> None:
    card = (finished / "checkpoint" / "README.md").read_text(encoding="utf-8")
    loaded = load_model(finished / "checkpoint")
    (sample,) = TINY_RECIPE.samples
    (output,) = translate_all(loaded, [sample.text], target="de", num_beams=4)
    assert f"| {sample.text} | de | {output} |" in card
