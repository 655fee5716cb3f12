"""Where a training stands, and how it is kept on disk so that it can go on after any interruption."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn
from torch.optim import Optimizer

from model.training.corpus import CorpusError

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
    """Whether there is a training to resume."""
    return (folder / _FILE).is_file()


def load_state(folder: Path, *, network: nn.Module, optimizers: list[Optimizer]) -> Position:
    """Restore what `save_state` wrote, the random numbers of dropout included.

    Raises:
        CorpusError: There is nothing to resume in the folder.
    """
    if not has_state(folder):
        raise CorpusError(f"{folder / _FILE} does not exist: there is no training to resume")
    state = torch.load(folder / _FILE, map_location="cpu", weights_only=True)
    network.load_state_dict(state["network"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    torch.set_rng_state(state["rng"])
    return Position(**state["position"])
