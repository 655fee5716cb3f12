"""The state of a training on disk, to resume from after an interruption."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from model.training.corpus import TrainingError

_FILE = "training.pt"


@dataclass(slots=True)
class Position:
    """Counters of a training's progress."""

    step: int = 0
    tokens: int = 0  # source and target tokens seen
    elapsed_s: float = 0.0
    num_averaged: int = 0  # how many times the weights went into their average
    round: int = 0
    batch: int = 0  # batches of this round already seen
    round_progress: float = 0.0  # the training's progress when this round was drawn
    dealt: dict[str, int] = field(default_factory=dict)  # of each deck, before this round


@dataclass(frozen=True, slots=True)
class Learner:
    """Everything that training changes: weights, their average, optimizers."""

    network: nn.Module
    average: AveragedModel  # of the network over the last part of the training
    optimizers: Sequence[Optimizer]


def save_state(folder: Path, position: Position, *, learner: Learner) -> None:
    """Write the state atomically: the earlier file stays until the new one is complete.

    Args:
        folder: The folder of `training.pt`.
        position: How far the training is.
        learner: Its weights keep their precision.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f"{_FILE}.unfinished"
    torch.save(
        {
            "position": asdict(position),
            "network": learner.network.state_dict(),
            "average": learner.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in learner.optimizers],
            "rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state_all(),
        },
        unfinished,
    )
    os.replace(unfinished, folder / _FILE)  # noqa: PTH105 - atomic by contract


def has_state(folder: Path) -> bool:
    """Return whether the folder holds a saved training."""
    return (folder / _FILE).is_file()


def load_weights(folder: Path, network: nn.Module) -> Position:
    """Load only the network of a state, averaged if that had begun; return its position.

    Raises:
        TrainingError: There is no state in the folder.
    """
    state = _read(folder)
    average = AveragedModel(network)
    average.load_state_dict(state["average"])
    position = Position(**state["position"])
    network.load_state_dict(
        average.module.state_dict() if position.num_averaged else state["network"]
    )
    return position


def load_state(folder: Path, *, learner: Learner) -> Position:
    """Restore what `save_state` wrote, the random numbers of dropout included.

    Raises:
        TrainingError: There is no state in the folder.
    """
    state = _read(folder)
    learner.network.load_state_dict(state["network"])
    learner.average.load_state_dict(state["average"])
    for optimizer, saved in zip(learner.optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    torch.set_rng_state(state["rng"])
    cuda_rng = state.get("cuda_rng", [])  # may be of another machine's GPUs, or of none
    for device, rng in zip(range(torch.cuda.device_count()), cuda_rng, strict=False):
        torch.cuda.set_rng_state(rng, device)
    return Position(**state["position"])


def _read(folder: Path) -> dict[str, Any]:
    if not has_state(folder):
        raise TrainingError(f"{folder / _FILE} does not exist: no training has been saved there")
    state: dict[str, Any] = torch.load(folder / _FILE, map_location="cpu", weights_only=True)
    return state
