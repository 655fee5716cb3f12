"""Parallel text: which files make up a model's data, and in which directions they are used."""

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from model.errors import ModelError

Split = Literal["train", "valid", "test"]


class TrainingError(ModelError):
    """A training that cannot start or go on: text or state that is missing or malformed."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A sentence and its translation."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """One data set of one language pair: `{name}.{first}-{second}.{split}.tsv.gz`."""

    name: str
    first: str
    second: str
    repeats: int = 1  # how often an epoch shows each of its pairs
    attribution: str = ""  # what its licence wants said of whatever is made from it

    def path(self, folder: Path, *, split: Split) -> Path:
        return folder / f"{self.name}.{self.first}-{self.second}.{split}.tsv.gz"


@dataclass(frozen=True, slots=True)
class Direction:
    """One way to translate; `share` of its pairs, freshly drawn, are in each epoch."""

    source: str
    target: str
    share: float = 1.0

    def __str__(self) -> str:
        return f"{self.source}->{self.target}"


def read_pairs(path: Path) -> list[Pair]:
    """All pairs of a gzipped, tab-separated file, in its order.

    Raises:
        TrainingError: The file is missing, or a line has not exactly two columns.
    """
    if not path.is_file():
        raise TrainingError(f"training text {path} does not exist")
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
        return list(_parse(lines, path))


def _parse(lines: Iterator[str], path: Path) -> Iterator[Pair]:
    for number, line in enumerate(lines, start=1):
        columns = line.rstrip("\n").split("\t")
        if len(columns) != 2:  # noqa: PLR2004 - source and target
            raise TrainingError(f"{path}, line {number}: {len(columns)} columns instead of 2")
        yield Pair(*columns)


def read_direction(
    folder: Path, files: Sequence[CorpusFile], *, direction: Direction, split: Split
) -> list[Pair]:
    """The pairs of every file that serves a direction, turned that way round.

    Pairs of a file with `repeats` occur that often in `train`, and once in `valid` and `test`.
    """
    pairs: list[Pair] = []
    for file in files:
        if {file.first, file.second} != {direction.source, direction.target}:
            continue
        found = read_pairs(file.path(folder, split=split))
        if file.first == direction.target:
            found = [Pair(pair.target, pair.source) for pair in found]
        pairs += found * (file.repeats if split == "train" else 1)
    return pairs
