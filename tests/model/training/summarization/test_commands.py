"""The command line from text to a measured checkpoint, on a tiny recipe."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from model.load import load_model
from model.training.__main__ import app
from model.training.corpus import TrainingError
from model.training.history import read_stages
from model.training.summarization import commands
from model.training.summarization.evaluation import summarize_all
from tests.support.checkpoints.summarization_training import (
    TINY_RECIPE,
    make_vocabulary,
    write_corpus,
)

OUTPUTS = ["first sentence", "greedy", "beam 4, no 3-gram twice, length penalty 1", "reference"]


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


def train(data: Path, folder: Path, *options: str) -> None:
    run("train", "--data", data, "--output", folder, "--max-minutes", "0.03", *options)


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["summarizer", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def rows(table: str) -> list[list[str]]:
    lines = (line for line in table.splitlines() if line.startswith("| toy-"))
    return [line.strip("| ").split(" | ") for line in lines]


def read_card(run_folder: Path) -> str:
    return (run_folder / "checkpoint" / "README.md").read_text(encoding="utf-8")


def test_one_command_leads_from_text_to_a_checkpoint_that_serves(finished: Path) -> None:
    loaded = load_model(finished / "checkpoint")
    assert loaded.config.d_model == TINY_RECIPE.shape.d_model
    (stage,) = read_stages(finished / "checkpoint")
    assert stage.data == "toy-title, toy-tldr"
    assert f"1. {stage}." in read_card(finished)


def test_the_card_has_the_attributions_and_a_row_for_each_measurement(finished: Path) -> None:
    card = read_card(finished)
    assert "- Made up.\n- Invented.\n" in card
    found = rows(card)
    assert [row[0] for row in found] == ["toy-title"] * 4 + ["toy-tldr"] * 4
    assert [row[1] for row in found] == ["headline"] * 4 + ["tldr"] * 4
    assert [row[3] for row in found] == OUTPUTS * 2
    assert {row[2] for row in found} == {"10"}


def test_the_card_shows_what_the_model_makes_of_each_sample(finished: Path) -> None:
    loaded = load_model(finished / "checkpoint")
    (sample,) = TINY_RECIPE.samples
    headline, tldr = (
        summarize_all(loaded, [sample], style=style, params=TINY_RECIPE.decoding)[0]
        for style in ("headline", "tldr")
    )
    assert f"> {sample}\n\n- headline: {headline}\n- tldr: {tldr}\n" in read_card(finished)


def test_the_card_leaves_no_placeholder(finished: Path) -> None:
    card = read_card(finished)
    assert "{" not in card
    assert "}" not in card


def test_evaluating_prints_the_rows_of_the_card(finished: Path, data: Path) -> None:
    table = run("evaluate", "--data", data, "--checkpoint", finished / "checkpoint")
    assert table in read_card(finished)


def test_fewer_lines_can_be_measured(finished: Path, data: Path) -> None:
    checkpoint = finished / "checkpoint"
    table = run("evaluate", "--data", data, "--checkpoint", checkpoint, "--max-lines", "2")
    assert {row[2] for row in rows(table)} == {"2"}


def test_decodings_are_compared_without_any_valid_file(
    finished: Path, data: Path, tmp_path: Path
) -> None:
    for path in data.glob("*.train.tsv.gz"):
        shutil.copy(path, tmp_path)
    checkpoint = finished / "checkpoint"
    table = run("decodings", "--data", tmp_path, "--checkpoint", checkpoint, "--max-lines", "2")
    found = rows(table)
    assert len(found) == 2 * (8 + 2)
    assert "beam 4, no 3-gram twice, length penalty 2" in [row[3] for row in found]
    with pytest.raises(TrainingError, match=r"toy-title\.valid\.tsv\.gz does not exist"):
        run("evaluate", "--data", tmp_path, "--checkpoint", checkpoint)


def test_a_finished_training_that_is_resumed_ends_at_once_with_the_same_weights(
    finished: Path, data: Path
) -> None:
    before = (finished / "checkpoint" / "model.safetensors").read_bytes()
    train(data, finished, "--resume")
    assert (finished / "checkpoint" / "model.safetensors").read_bytes() == before


def test_a_training_is_not_overwritten_by_a_fresh_one(finished: Path, data: Path) -> None:
    with pytest.raises(TrainingError, match="go on with it by --resume"):
        train(data, finished)


def test_exporting_before_anything_was_saved_is_refused(tmp_path: Path) -> None:
    make_vocabulary().save(tmp_path / "vocabulary")
    with pytest.raises(TrainingError, match=r"training\.pt does not exist"):
        run("export", "--run", tmp_path, "--checkpoint", tmp_path / "checkpoint")
