"""A checkpoint folder as a read-only mapping from tensor names to tensors, nothing executed."""

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from model.errors import CheckpointError
from model.json_file import read_json_object

SINGLE_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
_SHARD_NAME = re.compile(r"[\w-][\w.-]*\.safetensors")
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "pytorch_model.pt")

_CONVERT = (
    'python -c "import sys; from transformers import AutoModelForSeq2SeqLM as Model; '
    'Model.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[1])"'
)


class Checkpoint(Mapping[str, torch.Tensor]):
    """The safetensors of one folder, memory-mapped: a tensor is read when it is asked for.

    A file may be a symbolic link to anywhere, as it is in the cache of Hugging Face's hub: whoever
    can make one here can as well put the file itself here. A name inside an index is data that came
    with the download, so it must be a plain file name.

    Raises:
        CheckpointError: The folder or a file is missing, truncated or not safetensors; the folder
            holds only a pickle (which could run code when read); an index names a file outside the
            folder; two files hold a tensor of one name.
    """

    def __init__(self, folder: Path) -> None:
        self._file_of: dict[str, Any] = {}
        for path in _weight_files(folder):
            file = _open(path)
            for name in file.keys():  # noqa: SIM118 - it is no mapping
                if name in self._file_of:
                    raise CheckpointError(f"{path}: another file, too, holds a tensor {name!r}")
                self._file_of[name] = file

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
            f"{folder / pickle}: a pickle can run code when it is read, so it is not; if you trust "
            f"it, convert it once: {_CONVERT} {shlex.quote(str(folder))}"
        )
    raise CheckpointError(f"{folder}: holds neither {SINGLE_FILE} nor {INDEX_FILE}")


def _shards(folder: Path) -> list[Path]:
    index = folder / INDEX_FILE
    names = read_json_object(index).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise CheckpointError(f"{index}: has no weight_map")
    for name in names.values():
        if not isinstance(name, str) or not _SHARD_NAME.fullmatch(name):
            raise CheckpointError(f"{index}: {name!r} is not the name of a .safetensors file here")
    return [folder / name for name in sorted(set(names.values()))]


def _open(path: Path) -> Any:
    try:
        return safe_open(str(path), framework="pt")
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: truncated, or not a safetensors file: {error}") from error
