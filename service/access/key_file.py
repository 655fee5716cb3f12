"""Read a keys file, and change it so that a reader sees all of the old one or of the new one."""

import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from model.errors import ConfigError
from service.access.key_entries import KeyEntries, new_salt
from service.yaml_file import MAX_BYTES, YamlError, YamlFile, parse_yaml

_HEAD = "# API keys of Dragoman, as hashes: `dragoman keys` makes, lists and revokes them.\n"
_MAX_SHOWN_CHARACTERS = 24  # of an unknown field's name; a key has more
_SENTENCES = {  # in place of pydantic's, which name Python's types
    "datetime_from_date_parsing": "must be a time, such as 2026-12-01T09:30:00Z",
    "datetime_parsing": "must be a time, such as 2026-12-01T09:30:00Z",
    "missing": "is missing",
    "model_type": "must be a mapping",
    "timezone_aware": "must be a time with a time zone, such as 2026-12-01T09:30:00Z",
    "tuple_type": "must be a list",
}


class KeyFileError(ConfigError):
    """A keys file that cannot be used; names file, line, entry and field, never a value."""


def read_key_file(path: Path) -> KeyEntries:
    """Return what the file holds.

    Raises:
        KeyFileError: It cannot be read, or is no keys file.
    """
    try:
        file = parse_yaml(_text_of(path))
    except OSError as error:
        hint = "; `dragoman keys create NAME` makes it" if not path.exists() else ""
        raise KeyFileError(f"cannot read the keys file {path}: {error.strerror}{hint}") from None
    except UnicodeDecodeError:
        raise KeyFileError(f"cannot read the keys file {path}: it is not UTF-8") from None
    except YamlError as error:  # whose sentence may quote the file
        raise KeyFileError(f"{path}:{error.line}: this is not YAML that can be read") from None
    try:
        return KeyEntries.model_validate(file.data)
    except ValidationError as error:
        lines = [_line(details, file, path) for details in error.errors(include_input=False)]
        raise KeyFileError("\n".join(dict.fromkeys(lines))) from None


def change_key_file(path: Path, change: Callable[[KeyEntries], KeyEntries]) -> KeyEntries:
    """Replace what the file holds, and return that; a new file is readable by its owner only.

    An existing file keeps its owner and mode: the service may run as another user. Commands that
    change it at the same time wait for each other.

    Raises:
        KeyFileError: It cannot be read, or is no keys file.
        OSError: It cannot be written.
    """
    path = path.resolve()  # a link stays a link
    with _locked(path.parent):
        is_new = not path.exists()
        before = KeyEntries(salt=new_salt()) if is_new else read_key_file(path)
        after = change(before)
        content = after.model_dump(mode="json", exclude_none=True)
        text = _HEAD + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        _replace(path, text, like=None if is_new else path.stat())
    return after


def _text_of(path: Path) -> str:
    with path.open("rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(0, "it is no regular file")
        return file.read(MAX_BYTES + 1).decode()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; of the file itself it would be lost when that is replaced."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)  # or the old file could be back after a loss of power
    finally:
        os.close(descriptor)


def _replace(path: Path, text: str, *, like: os.stat_result | None) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if like is not None:
                os.fchown(descriptor, like.st_uid, like.st_gid)
                os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _line(details: ErrorDetails, file: YamlFile, path: Path) -> str:
    """Return a mistake as one line: where it is, and what must hold."""
    location = details["loc"]
    line = file.line(location[: file.depth(location)])
    message = _SENTENCES.get(details["type"], details["msg"].removeprefix("Value error, "))
    if details["type"] == "extra_forbidden":
        message = "is no field of a keys file"
        if len(str(location[-1])) > _MAX_SHOWN_CHARACTERS:
            location = (*location[:-1], "...")
    return f"{path}:{line}: {_dotted(location) or 'the file'}: {message}"


def _dotted(location: Sequence[str | int]) -> str:
    """Return a location in one string, such as `keys[0].scopes`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")
