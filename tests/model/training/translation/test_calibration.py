"""Confidence is calibrated on pairs whose references the bundled translator meets, or cannot."""

import gzip
import shutil
from pathlib import Path

import pytest

from model.load import BUNDLED, LoadedModel, load_model
from model.training.corpus import TrainingError
from model.training.translation.calibration import calibrate, write_calibration

SOURCES = ("I am tired.", "Tom is here.", "Where is the dog?", "We have no time.")


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load_model(BUNDLED / "translate", dtype="float32", device="cpu")


def write_pairs(folder: Path, references: tuple[str, ...]) -> Path:
    pairs = zip(SOURCES, references, strict=True)
    with gzip.open(folder / "made-up.en-de.valid.tsv.gz", "wt", encoding="utf-8") as file:
        file.writelines(f"{source}\t{reference}\n" for source, reference in pairs)
    return folder


def test_a_calibration_lies_beside_the_weights_and_is_loaded_with_them(
    loaded: LoadedModel, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    references = ("Ich bin müde.", "Tom ist hier.", "Bx yz qqq.", "Bx yz qqq.")
    measured = calibrate(loaded, write_pairs(data, references))
    assert measured.num_lines == (4, 4)  # two directions
    assert 0 < measured.share_good < 1
    checkpoint = Path(shutil.copytree(BUNDLED / "translate", tmp_path / "checkpoint"))
    write_calibration(checkpoint, measured)
    assert load_model(checkpoint, device="cpu").calibration == measured.calibration


def test_pairs_that_are_all_bad_calibrate_nothing(loaded: LoadedModel, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no good and bad translations"):
        calibrate(loaded, write_pairs(tmp_path, ("Bx yz qqq.",) * 4))


def test_a_folder_without_pairs_calibrates_nothing(loaded: LoadedModel, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no good and bad translations"):
        calibrate(loaded, tmp_path)
