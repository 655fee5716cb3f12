"""A checkpoint folder as a read-only mapping from tensor names to tensors, nothing executed."""

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
    """Where a tensor lies: in which file, from which byte on."""

    path: Path
    file: Any  # the mapped file
    version: tuple[int, int]  # of the file, when it was mapped
    kind: str  # as safetensors calls its numbers
    shape: tuple[int, ...]
    start: int
    num_bytes: int


class Checkpoint(Mapping[str, torch.Tensor]):
    """The safetensors of one folder, in one of two ways.

    `checkpoint[name]` is mapped into memory: it is read when it is used, every process that maps
    it shares it, and whatever was read of it stays as long as any tensor of the file is mapped.
    `pieces` and `copy` read it in passing and keep nothing.

    A file may be a symbolic link to anywhere, as it is in the cache of Hugging Face's hub: whoever
    can make one here can as well put the file itself here. A name inside an index is data that came
    with the download, so it must be a plain file name.

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
        """The shape of a tensor, without reading it."""
        return self._stored[name].shape

    def kind(self, name: str) -> str:
        """What safetensors calls the type of a tensor's numbers, such as BF16."""
        return self._stored[name].kind

    def pieces(self, name: str) -> Iterator[torch.Tensor]:
        """The numbers of a tensor whose kind is in `FLOATS`, flat and in order.

        Each piece lies where the one before it was: use it before asking for the next.

        Raises:
            CheckpointError: The file is not what it was when it was opened.
        """
        dtype = FLOATS[self.kind(name)]
        return (piece.view(dtype) for piece in self._bytes(name))

    def copy(self, name: str, target: torch.Tensor) -> None:
        """Copies a tensor into a contiguous one of as many numbers, of any type and device."""
        flat, start = target.view(-1), 0
        for piece in self.pieces(name):
            flat[start : start + len(piece)].copy_(piece)
            start += len(piece)

    def are_equal(self, name: str, other: str) -> bool:
        """Whether two tensors, of any kind, are copies of each other."""
        if (self.kind(name), self.shape(name)) != (self.kind(other), self.shape(other)):
            return False
        pairs = zip(self._bytes(name), self._bytes(other), strict=True)
        return all(torch.equal(piece, other_piece) for piece, other_piece in pairs)

    def _bytes(self, name: str) -> Iterator[torch.Tensor]:
        """The bytes of a tensor, as `pieces` gives its numbers."""
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
    """What a file holds, by name."""
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
    """The file as it was mapped; the places of its tensors mean nothing in another."""
    try:
        file = stored.path.open("rb")
    except OSError as error:
        raise CheckpointError(f"{stored.path}: cannot be read: {error.strerror}") from error
    if _version(os.fstat(file.fileno())) != stored.version:
        file.close()
        raise CheckpointError(f"{stored.path}: has changed since it was opened")
    return file


def _version(status: os.stat_result) -> tuple[int, int]:
    """What differs once a file was written to, or another one took its place."""
    return status.st_size, status.st_mtime_ns
