"""The files of texts with summaries that are a summarizer's data, and their parts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from model.training.corpus import Pair, TrainingError, read_pairs

Part = Literal["train", "dev", "valid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryFile:
    """One data set in one style: `{name}.train.tsv.gz` and `{name}.valid.tsv.gz`."""

    name: str
    style: str
    repeats: int = 1  # how often its pairs occur in one pass through all data
    num_dev: int = 500  # pairs at the end of `train` that serve for decisions, not for training
    attribution: str = ""  # the attribution that its licence requires

    def read(self, folder: Path, part: Part) -> list[Pair]:
        """Return the pairs of one part, in the file's order.

        Raises:
            TrainingError: The file is missing or has too few pairs, or a line has not two columns.
        """
        split = "valid" if part == "valid" else "train"
        path = folder / f"{self.name}.{split}.tsv.gz"
        pairs = read_pairs(path)
        if part == "valid":
            return pairs
        border = len(pairs) - self.num_dev
        if border < 1:
            raise TrainingError(f"{path} has {len(pairs)} pairs, of which {self.num_dev} are dev")
        return pairs[:border] if part == "train" else pairs[border:]
