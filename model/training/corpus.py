"""Reads pairs of texts from disk."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from model.errors import ModelError

Split = Literal["train", "valid", "test"]


class TrainingError(ModelError):
    """The text or state of a training is missing or malformed."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A text and its translation or summary."""

    source: str
    target: str


def read_pairs(path: Path) -> list[Pair]:
    """Return all pairs of a gzipped, tab-separated file, in order.

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
