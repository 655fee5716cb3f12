import gzip
from pathlib import Path

import pytest

from model.training.corpus import (
    CorpusFile,
    Direction,
    Pair,
    Split,
    TrainingError,
    read_direction,
    read_pairs,
)
from tests.training_factories import make_pairs, write_corpus

TOY = CorpusFile("toy", "en", "de", repeats=2)


def test_pairs_are_read_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = TOY.path(write_corpus(tmp_path), split="train")
    assert read_pairs(path) == make_pairs()


def test_a_file_serves_the_opposite_direction_with_its_columns_swapped(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    there = read_direction(tmp_path, [TOY], direction=Direction("en", "de"), split="valid")
    back = read_direction(tmp_path, [TOY], direction=Direction("de", "en"), split="valid")
    assert back == [Pair(pair.target, pair.source) for pair in there]


def test_a_file_of_other_languages_gives_a_direction_nothing(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    assert read_direction(tmp_path, [TOY], direction=Direction("en", "fr"), split="train") == []


@pytest.mark.parametrize(("split", "times"), [("train", 2), ("valid", 1)])
def test_repeats_count_in_training_only(tmp_path: Path, split: Split, times: int) -> None:
    write_corpus(tmp_path)
    pairs = read_direction(tmp_path, [TOY], direction=Direction("en", "de"), split=split)
    assert len(pairs) == times * len(set(pairs))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"toy\.en-de\.train\.tsv\.gz does not exist"):
        read_direction(tmp_path, [TOY], direction=Direction("en", "de"), split="train")


def test_a_line_without_two_columns_is_named_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "bad.tsv.gz"
    path.write_bytes(gzip.compress(b"one\teins\ntwo\n"))
    with pytest.raises(TrainingError, match="line 2: 1 columns instead of 2"):
        read_pairs(path)
