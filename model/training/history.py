"""The stages of a checkpoint's training, kept in a file beside it."""

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
    """Return a stage with the steps, tokens and time of a position."""
    return Stage(
        data=data,
        hardware=hardware,
        steps=position.step,
        million_tokens=round(position.tokens / 1e6, 1),
        minutes=round(position.elapsed_s / 60),
        is_averaged=position.num_averaged > 0,
    )


def has_stages(folder: Path) -> bool:
    """Return whether a folder keeps earlier stages, as a training from a checkpoint does."""
    return (folder / _FILE).is_file()


def read_stages(checkpoint: Path) -> list[Stage]:
    """Return the stages of a checkpoint's training, in order; empty if it has no such file."""
    if not has_stages(checkpoint):
        return []
    return [Stage(**stage) for stage in read_json_object(checkpoint / _FILE)["stages"]]


def write_stages(checkpoint: Path, stages: Sequence[Stage]) -> None:
    """Write the stages to the checkpoint's folder, which must exist."""
    content = json.dumps({"stages": [asdict(stage) for stage in stages]}, indent=2)
    (checkpoint / _FILE).write_text(content + "\n", encoding="utf-8", newline="\n")
