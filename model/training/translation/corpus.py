"""Parallel text: which files make up a translator's data, and in which directions they are used."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from model.training.corpus import Pair, Split, read_pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """Where pairs of a kind come from, whatever their languages."""

    name: str
    share: float = 1.0  # of its pairs in each pass through all data
    gives_names: bool = False  # whether its names may stand for others
    attribution: str = ""  # what its licence wants said of whatever is made from it


@dataclass(frozen=True, slots=True)
class Direction:
    """One way to translate."""

    source: str
    target: str

    def __str__(self) -> str:
        return f"{self.source}->{self.target}"


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """One data set of one language pair: `{data_set}.{first}-{second}.{split}.tsv.gz`."""

    data_set: DataSet
    first: str
    second: str
    share: float = 1.0  # of its data set's share
    begins: float = 0.0  # the part of the training, 0 to 1, that is over when it is first drawn

    def __str__(self) -> str:
        return f"{self.data_set.name}.{self.first}-{self.second}"

    @property
    def directions(self) -> tuple[Direction, Direction]:
        """Both ways in which its pairs can be read."""
        return Direction(self.first, self.second), Direction(self.second, self.first)

    def path(self, folder: Path, *, split: Split) -> Path:
        return folder / f"{self}.{split}.tsv.gz"


def turned(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs the other way round."""
    return [Pair(pair.target, pair.source) for pair in pairs]


def read_file(folder: Path, file: CorpusFile, *, direction: Direction, split: Split) -> list[Pair]:
    """The pairs of a file, read in one of its directions.

    Raises:
        TrainingError: There is no such file, or a line of it is no pair.
        ValueError: The file has not these two languages.
    """
    pairs = read_pairs(file.path(folder, split=split))
    forwards, backwards = file.directions
    if direction not in (forwards, backwards):
        raise ValueError(f"{file} has no direction {direction}")
    return pairs if direction == forwards else turned(pairs)
