import gzip
from pathlib import Path

import pytest

from model.training.corpus import Pair, TrainingError, read_pairs


def write(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()))
    return path


def test_pairs_are_read_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "some.tsv.gz", "one\teins\ntwo \t zwei\n")
    assert read_pairs(path) == [Pair("one", "eins"), Pair("two ", " zwei")]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"some\.tsv\.gz does not exist"):
        read_pairs(tmp_path / "some.tsv.gz")


def test_a_line_without_two_columns_is_named_with_its_number(tmp_path: Path) -> None:
    path = write(tmp_path / "bad.tsv.gz", "one\teins\ntwo\n")
    with pytest.raises(TrainingError, match="line 2: 1 columns instead of 2"):
        read_pairs(path)
