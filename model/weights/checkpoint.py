"""A checkpoint folder as a read-only mapping from tensor names to tensors, nothing executed."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from model.errors import CheckpointError

SINGLE_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "pytorch_model.pt")


class Checkpoint(Mapping[str, torch.Tensor]):
    """The safetensors of one folder, memory-mapped: a tensor is read when it is asked for.

    Raises:
        CheckpointError: The folder or a file is missing, truncated or not safetensors, holds only a
            pickle (which could run code when read), or an index names a file outside the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = {path: _open(path) for path in _weight_files(folder)}
        self._file_of = {name: file for file in self._files.values() for name in file.keys()}  # noqa: SIM118

    def __getitem__(self, name: str) -> torch.Tensor:
        tensor: torch.Tensor = self._file_of[name].get_tensor(name)
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._file_of)

    def __len__(self) -> int:
        return len(self._file_of)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor, without reading it."""
        return tuple(self._file_of[name].get_slice(name).get_shape())


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a checkpoint's file.

    Raises:
        CheckpointError: The file is missing, or does not hold a JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: not readable as JSON: {error}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: holds a {type(content).__name__}, not an object")
    return content


def _weight_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such folder")
    if (folder / SINGLE_FILE).is_file():
        return [folder / SINGLE_FILE]
    if (folder / INDEX_FILE).is_file():
        return _shards(folder)
    pickle = next((name for name in PICKLES if (folder / name).exists()), None)
    if pickle is not None:
        raise CheckpointError(
            f"{folder / pickle}: a pickle can run code when it is read, so it is not; convert it "
            f"once, where you trust it: python -c \"from transformers import AutoModelForSeq2SeqLM "
            f"as M; M.from_pretrained('{folder}').save_pretrained('{folder}')\""
        )
    raise CheckpointError(f"{folder}: holds neither {SINGLE_FILE} nor {INDEX_FILE}")


def _shards(folder: Path) -> list[Path]:
    names = read_json(folder / INDEX_FILE).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise CheckpointError(f"{folder / INDEX_FILE}: has no weight_map")
    shards = sorted({str(name) for name in names.values()})
    for name in shards:
        if Path(name).name != name or name.startswith("."):
            raise CheckpointError(f"{folder / INDEX_FILE}: {name!r} is not a file of this folder")
    return [folder / name for name in shards]


def _open(path: Path) -> Any:
    try:
        return safe_open(str(path), framework="pt")
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: truncated, or not a safetensors file: {error}") from error
