"""`dragoman train`: help, and what is missing, told in a sentence."""

import subprocess
import sys
from pathlib import Path

from tests.support.service.commands import dragoman

ROOT = Path(__file__).parents[3]


def test_training_has_its_own_help() -> None:
    result = dragoman("train", "--help")
    assert result.exit_code == 0, result.stderr
    assert {"translator", "summarizer"} <= set(result.stdout.split())


def test_training_without_its_text_is_told_in_a_sentence(tmp_path: Path) -> None:
    folders = ("--data", str(tmp_path / "none"), "--output", str(tmp_path / "run"))
    result = dragoman("train", "translator", "train", *folders)
    assert result.exit_code == 1
    assert result.stderr.startswith("dragoman: training text ")
    assert result.stderr.endswith("tatoeba.en-de.train.tsv.gz does not exist\n")


def test_training_without_its_packages_says_how_to_get_them() -> None:
    code = (
        "import sys; sys.modules['sacrebleu'] = None\n"
        "from service.cli.main import app; app(['train'])"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("dragoman: ")
    assert "sacrebleu" in done.stderr
    assert "pip install -e '.[train]'" in done.stderr
    assert done.stderr.count("\n") == 1
