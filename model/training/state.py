"""Where a training stands, kept on disk so that it can go on after any interruption."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from model.training.corpus import TrainingError

_FILE = "training.pt"


@dataclass(slots=True)
class Position:
    """How far the training is."""

    step: int = 0
    epoch: int = 0
    batch: int = 0  # batches of this epoch already seen
    tokens: int = 0  # source and target tokens seen
    elapsed_s: float = 0.0


def save_state(
    folder: Path, position: Position, *, network: nn.Module, optimizers: list[Optimizer]
) -> None:
    """Write everything a resumed training needs; the file before stays whole until the new one is.

    Args:
        folder: Where `training.pt` lies.
        position: How far the training is.
        network: Its weights are kept in the precision they have.
        optimizers: In the order in which they will be restored.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f"{_FILE}.unfinished"
    torch.save(
        {
            "position": asdict(position),
            "network": network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in optimizers],
            "rng": torch.get_rng_state(),
        },
        unfinished,
    )
    os.replace(unfinished, folder / _FILE)  # noqa: PTH105 - atomic by contract


def has_state(folder: Path) -> bool:
    """Whether a training has been saved there."""
    return (folder / _FILE).is_file()


def load_weights(folder: Path, network: nn.Module) -> Position:
    """Only the network of what `save_state` wrote, and how far it had come.

    Raises:
        TrainingError: There is no state in the folder.
    """
    state = _read(folder)
    network.load_state_dict(state["network"])
    return Position(**state["position"])


def load_state(folder: Path, *, network: nn.Module, optimizers: list[Optimizer]) -> Position:
    """Restore what `save_state` wrote, the random numbers of dropout included.

    Raises:
        TrainingError: There is no state in the folder.
    """
    state = _read(folder)
    network.load_state_dict(state["network"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    torch.set_rng_state(state["rng"])
    return Position(**state["position"])


def _read(folder: Path) -> dict[str, Any]:
    if not has_state(folder):
        raise TrainingError(f"{folder / _FILE} does not exist: no training has been saved there")
    state: dict[str, Any] = torch.load(folder / _FILE, map_location="cpu", weights_only=True)
    return state
