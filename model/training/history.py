"""What a checkpoint has learnt from, kept beside it: the stages of its training."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from model.json_file import read_json_object
from model.training.state import Position

_FILE = "training.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One training, from its first step to the last."""

    data: str  # in words
    hardware: str
    steps: int
    million_tokens: float  # source and target
    minutes: float
    is_averaged: bool = False  # whether the weights are the mean over its last part

    def __str__(self) -> str:
        weights = ". The weights are the mean over its last part" if self.is_averaged else ""
        return (
            f"{self.data}: {self.steps:,} steps, {self.million_tokens:.1f} million source and "
            f"target tokens, {self.minutes:.0f} minutes on {self.hardware}{weights}"
        )


def stage_of(position: Position, *, data: str, hardware: str) -> Stage:
    """A stage that has come as far as its training's state says."""
    return Stage(
        data=data,
        hardware=hardware,
        steps=position.step,
        million_tokens=round(position.tokens / 1e6, 1),
        minutes=round(position.elapsed_s / 60),
        is_averaged=position.num_averaged > 0,
    )


def has_stages(folder: Path) -> bool:
    """Whether the stages before it are kept there: of a training that began with a checkpoint."""
    return (folder / _FILE).is_file()


def read_stages(checkpoint: Path) -> list[Stage]:
    """The stages of a checkpoint's training, the first one first; none if it does not say."""
    if not has_stages(checkpoint):
        return []
    return [Stage(**stage) for stage in read_json_object(checkpoint / _FILE)["stages"]]


def write_stages(checkpoint: Path, stages: Sequence[Stage]) -> None:
    """Keep the stages in the checkpoint's folder, which must exist."""
    content = json.dumps({"stages": [asdict(stage) for stage in stages]}, indent=2)
    (checkpoint / _FILE).write_text(content + "\n", encoding="utf-8", newline="\n")
