from pathlib import Path

import pytest

from model.training.corpus import Pair, TrainingError
from model.training.translation.corpus import CorpusFile, DataSet, Direction, read_file
from tests.support.checkpoints.translation_training import make_pairs, write_corpus

TOY = CorpusFile(DataSet(name="toy"), "en", "de")


def test_a_file_serves_both_directions(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    there, back = TOY.directions
    assert read_file(tmp_path, TOY, direction=there, split="train") == make_pairs()
    assert read_file(tmp_path, TOY, direction=back, split="train") == [
        Pair(pair.target, pair.source) for pair in make_pairs()
    ]


def test_a_direction_of_other_languages_is_refused(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    with pytest.raises(ValueError, match=r"toy\.en-de has no direction en->fr"):
        read_file(tmp_path, TOY, direction=Direction("en", "fr"), split="train")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"toy\.en-de\.train\.tsv\.gz does not exist"):
        read_file(tmp_path, TOY, direction=Direction("en", "de"), split="train")
