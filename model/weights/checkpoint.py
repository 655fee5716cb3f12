"""A checkpoint folder as a read-only mapping from names to tensors; executes no code in it."""

import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from model.errors import CheckpointError
from model.json_file import read_json_object
from model.weights.files import CONVERT, INDEX_FILE, PICKLES, SINGLE_FILE

_SHARD_NAME = re.compile(r"[\w-][\w.-]*\.safetensors")
FLOATS = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}

_LENGTH_BYTES = 8  # of the header, in front of it
_PIECE_BYTES = 1 << 24  # a multiple of every float's size


@dataclass(frozen=True, slots=True)
class _Stored:
    """The place of a tensor: its file, first byte and size."""

    path: Path
    file: Any  # the mapped file
    version: tuple[int, int]  # of the file, when it was mapped
    kind: str  # safetensors' name of its type, such as BF16
    shape: tuple[int, ...]
    start: int
    num_bytes: int


class Checkpoint(Mapping[str, torch.Tensor]):
    """The tensors in the safetensors files of one folder.

    There are two ways to read one. `checkpoint[name]` maps it into memory: its pages are read on
    first use, processes share them, and they stay while any tensor of the file is mapped. `pieces`
    and `copy` read it through a small buffer.

    A file may be a symbolic link to anywhere, as in the cache of Hugging Face's hub: only a local
    user can make one, and could put the file itself here. A name inside an index is downloaded
    data, so it must be a plain file name.

    Raises:
        CheckpointError: The folder or a file is missing, truncated or not safetensors; the folder
            holds only a pickle (which could run code when read); an index names a file outside the
            folder; two files hold a tensor of one name.
    """

    def __init__(self, folder: Path) -> None:
        self._stored: dict[str, _Stored] = {}
        for path in _weight_files(folder):
            for name, stored in _open(path).items():
                if name in self._stored:
                    raise CheckpointError(f"{path}: another file, too, holds a tensor {name!r}")
                self._stored[name] = stored

    def __getitem__(self, name: str) -> torch.Tensor:
        tensor: torch.Tensor = self._stored[name].file.get_tensor(name)
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor, without reading it."""
        return self._stored[name].shape

    def kind(self, name: str) -> str:
        """Return safetensors' name of a tensor's type, such as BF16."""
        return self._stored[name].kind

    def pieces(self, name: str) -> Iterator[torch.Tensor]:
        """Yield the numbers of a tensor whose kind is in `FLOATS`, as flat pieces in order.

        All pieces share one buffer: a piece is valid until the next is taken.

        Raises:
            CheckpointError: The file has changed since it was opened.
        """
        dtype = FLOATS[self.kind(name)]
        return (piece.view(dtype) for piece in self._bytes(name))

    def copy(self, name: str, target: torch.Tensor) -> None:
        """Copy a tensor into a contiguous one of the same size, of any type and device."""
        flat, start = target.view(-1), 0
        for piece in self.pieces(name):
            flat[start : start + len(piece)].copy_(piece)
            start += len(piece)

    def are_equal(self, name: str, other: str) -> bool:
        """Return whether two tensors have the same kind, shape and bytes."""
        if (self.kind(name), self.shape(name)) != (self.kind(other), self.shape(other)):
            return False
        pairs = zip(self._bytes(name), self._bytes(other), strict=True)
        return all(torch.equal(piece, other_piece) for piece, other_piece in pairs)

    def _bytes(self, name: str) -> Iterator[torch.Tensor]:
        """Yield the bytes of a tensor, as `pieces` yields its numbers."""
        stored = self._stored[name]
        remaining = stored.num_bytes
        buffer = torch.empty(min(remaining, _PIECE_BYTES), dtype=torch.uint8)
        with _reopen(stored) as file:
            file.seek(stored.start)
            while remaining:
                piece = buffer[:remaining]
                if file.readinto(piece.numpy().data) < len(piece):
                    raise CheckpointError(f"{stored.path}: was truncated while it was read")
                remaining -= len(piece)
                yield piece


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
            f"it, convert it once: {CONVERT} {shlex.quote(str(folder))}"
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


def _open(path: Path) -> dict[str, _Stored]:
    """Return the place of each tensor of a file, by name."""
    try:
        version = _version(path.stat())
        file = safe_open(str(path), framework="pt")  # checks that the header is sound
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: truncated, or not a safetensors file: {error}") from error
    with path.open("rb") as raw:
        num_bytes = int.from_bytes(raw.read(_LENGTH_BYTES), "little")
        header = json.loads(raw.read(num_bytes))
    header.pop("__metadata__", None)
    first = _LENGTH_BYTES + num_bytes
    return {
        name: _Stored(
            path=path,
            file=file,
            version=version,
            kind=entry["dtype"],
            shape=tuple(entry["shape"]),
            start=first + entry["data_offsets"][0],
            num_bytes=entry["data_offsets"][1] - entry["data_offsets"][0],
        )
        for name, entry in header.items()
    }


def _reopen(stored: _Stored) -> BufferedReader:
    """Open the file again; raise CheckpointError if it has changed, as its offsets may have."""
    try:
        file = stored.path.open("rb")
    except OSError as error:
        raise CheckpointError(f"{stored.path}: cannot be read: {error.strerror}") from error
    if _version(os.fstat(file.fileno())) != stored.version:
        file.close()
        raise CheckpointError(f"{stored.path}: has changed since it was opened")
    return file


def _version(status: os.stat_result) -> tuple[int, int]:
    """Return size and modification time, which differ after a write or a replacement."""
    return status.st_size, status.st_mtime_ns
