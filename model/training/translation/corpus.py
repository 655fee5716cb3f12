"""The files of parallel text that are a translator's data, and their directions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from model.training.corpus import Pair, Split, read_pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """One source of pairs, in any languages."""

    name: str
    share: float = 1.0  # of its pairs in each pass through all data
    gives_names: bool = False  # whether its names may replace others
    attribution: str = ""  # the attribution that its licence requires


@dataclass(frozen=True, slots=True)
class Direction:
    """A source and a target language."""

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
    begins: float = 0.0  # the progress of the training, 0 to 1, at its first draw

    def __str__(self) -> str:
        return f"{self.data_set.name}.{self.first}-{self.second}"

    @property
    def directions(self) -> tuple[Direction, Direction]:
        """Both directions of its pairs."""
        return Direction(self.first, self.second), Direction(self.second, self.first)

    def path(self, folder: Path, *, split: Split) -> Path:
        return folder / f"{self}.{split}.tsv.gz"


def turned(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs with source and target swapped."""
    return [Pair(pair.target, pair.source) for pair in pairs]


def read_file(folder: Path, file: CorpusFile, *, direction: Direction, split: Split) -> list[Pair]:
    """Return the pairs of a file in one of its directions.

    Raises:
        TrainingError: The file is missing, or a line has not two columns.
        ValueError: The file has other languages.
    """
    pairs = read_pairs(file.path(folder, split=split))
    forwards, backwards = file.directions
    if direction not in (forwards, backwards):
        raise ValueError(f"{file} has no direction {direction}")
    return pairs if direction == forwards else turned(pairs)
