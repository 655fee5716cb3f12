"""Compare a model's files with the hashes in the catalogue, `SHA256SUMS` or a hub's cache."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from service.cli.terminal import CommandError

SUMS_FILE = "SHA256SUMS"

_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_HASH = re.compile(r"[0-9a-f]{40}")
_SUMS_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](?:\./)?([\w-][\w.-]*)")

Authority = Literal["catalogue", "SHA256SUMS", "hub"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHash:
    """A file's hash and the expected one.

    Attributes:
        file: Its name.
        hash: SHA-256 in hexadecimal digits; for a small file from a hub git's SHA-1, as the hub has
            no other.
        expected: The same kind of hash; None if there is none.
        authority: Where the expected hash is from.
    """

    file: str
    hash: str
    expected: str | None
    authority: Authority | None

    @property
    def is_wrong(self) -> bool:
        """True if there is an expected hash and the file has another."""
        return self.expected is not None and self.hash != self.expected


def hashes_of(folder: Path, catalogue: Mapping[str, str]) -> list[FileHash]:
    """Return the hashes of the weights, and of every file that has an expected hash.

    Args:
        folder: The model's. In a hub's cache its files are links to blobs named by their hashes,
            which the hub's library does not check after a download.
        catalogue: SHA-256 by file, from the catalogue.

    Raises:
        CommandError: A file with an expected hash is missing, or `SHA256SUMS` cannot be read.
    """
    expected: list[tuple[str, str, Authority]] = [
        *((name, value, "catalogue") for name, value in catalogue.items()),
        *((name, value, "SHA256SUMS") for name, value in _sums(folder)),
        *((name, value, "hub") for name, value in _blobs(folder)),
    ]
    known = {name for name, _, _ in expected}
    weights = sorted(path.name for path in folder.glob("*.safetensors"))
    return [
        *(_checked(folder, *one) for one in sorted(expected)),
        *(_checked(folder, name, None, None) for name in weights if name not in known),
    ]


def _checked(
    folder: Path, name: str, expected: str | None, authority: Authority | None
) -> FileHash:
    is_git = expected is not None and _GIT_HASH.fullmatch(expected) is not None
    return FileHash(
        file=name,
        hash=_hash(folder / name, is_git=is_git),
        expected=expected,
        authority=authority,
    )


def _hash(path: Path, *, is_git: bool) -> str:
    try:
        with path.open("rb") as file:
            if not is_git:
                return hashlib.file_digest(file, "sha256").hexdigest()
            header = b"blob %d\0" % path.stat().st_size
            return hashlib.sha1(header + file.read(), usedforsecurity=False).hexdigest()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}; there is a hash for it") from error


def _sums(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (name, hash) of the lines of `SHA256SUMS`, in the format of `sha256sum`."""
    path = folder / SUMS_FILE
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), start=1):
        match = _SUMS_LINE.fullmatch(line)
        if match is None:
            raise CommandError(f"{path}, line {number}: not a hash and the name of a file here")
        yield match[2], match[1].lower()


def _blobs(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (name, hash) of a hub's cache, where files are links to blobs named by their hash."""
    for path in folder.iterdir():
        if not path.is_symlink():
            continue
        target = path.readlink()
        is_hash = _SHA256.fullmatch(target.name) or _GIT_HASH.fullmatch(target.name)
        if is_hash and target.parent.name == "blobs":
            yield path.name, target.name
