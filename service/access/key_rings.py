"""The keys that are valid: those of a file, of the environment, and the admin key."""

import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from service.access.clients import Client
from service.access.key_entries import hash_of, new_salt
from service.access.key_file import KeyFileError, read_key_file
from service.settings import Settings, split_keys
from service.telemetry.log import get_logger

logger = get_logger(__name__)

CHECK_INTERVAL_S = 1.0  # between two looks at the file

_ID_SALT = b"dragoman: id of a client"
_ID_BYTES = 6


class Holders(Protocol):
    """Some keys, and who holds them."""

    @property
    def may_block(self) -> bool:
        """True if the next lookup may read a file."""
        ...

    def client_of(self, key: str) -> Client | None:
        """Return the holder of a key; None if it is none of these."""
        ...


class FixedKeys:
    """Keys that do not change while the service runs."""

    may_block = False

    def __init__(self, clients: Iterable[tuple[str, Client]], *, salt: str) -> None:
        """Take pairs of a key's hash, made with the salt, and the key's holder."""
        self._salt = salt
        self._found = {known: (known, client) for known, client in clients}

    def client_of(self, key: str) -> Client | None:
        given = hash_of(key, salt=self._salt)
        known, client = self._found.get(given, ("", None))
        return client if hmac.compare_digest(known, given) else None


class FileKeys:
    """The keys of a file, which is read again once it has changed; may be asked from any thread.

    A file that is broken or gone leaves the keys as they were, and is logged once. The request that
    notices a change reads the file, in about a millisecond a key; others are answered meanwhile.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the file; `clock` gives seconds.

        Raises:
            KeyFileError: It cannot be used.
        """
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._stamp = _stamp(path)
        self._keys = _keys_in(path)
        self._problem: str | None = None
        self._next_check_s = clock() + CHECK_INTERVAL_S

    def client_of(self, key: str) -> Client | None:
        if self.may_block and self._lock.acquire(blocking=False):
            try:
                self._refresh()
            finally:
                self._lock.release()
        return self._keys.client_of(key)

    @property
    def may_block(self) -> bool:
        """True if it is time to look at the file again."""
        return self._clock() >= self._next_check_s

    def _refresh(self) -> None:
        self._next_check_s = self._clock() + CHECK_INTERVAL_S
        stamp = _stamp(self._path)  # before it is read: a later change is seen the next time
        if stamp is not None and stamp == self._stamp:
            return
        try:
            self._keys = _keys_in(self._path)
        except KeyFileError as error:
            if str(error) != self._problem:
                logger.error("keys file not read: keys stay as they were", reason=str(error))  # noqa: TRY400
            self._problem = str(error)
            self._stamp = None  # it is tried again
            return
        self._stamp, self._problem = stamp, None
        logger.info("keys file read again", path=str(self._path))


class Keys:
    """All keys that are valid; implements `KeyRing`."""

    def __init__(self, holders: Sequence[Holders], *, is_open: bool) -> None:
        self.is_open = is_open
        self._holders = holders

    @property
    def may_block(self) -> bool:
        return any(holders.may_block for holders in self._holders)

    def client_of(self, key: str) -> Client | None:
        found = (holders.client_of(key) for holders in self._holders)
        return next((client for client in found if client is not None), None)


def keys_of(settings: Settings) -> Keys:
    """Return the keys that the settings name.

    Raises:
        KeyFileError: The keys file cannot be used.
    """
    holders: list[Holders] = [_fixed_keys(settings)]
    if settings.keys_file is not None:
        holders.append(FileKeys(settings.keys_file))
    return Keys(holders, is_open=not settings.has_keys)


def environment_clients(settings: Settings) -> dict[str, Client]:
    """Return the holder of each key of `api_keys`, by the key."""
    keys = [] if settings.api_keys is None else split_keys(settings.api_keys)
    return {key: _environment_client(_public_id(key)) for key in keys}


def _environment_client(id_: str) -> Client:
    return Client(id=id_, name=id_, scopes=frozenset({"translate", "summarize"}))


def _public_id(key: str) -> str:
    """Return an id for the holder of a key, the same in every process.

    It is shown in logs and stands in the store, and so must not help to guess the key, which an
    operator may have made up: no salt can be secret that all replicas know, so the hash is slow,
    some 100 ms and 16 MB for each guess.
    """
    digest = hashlib.scrypt(key.encode(), salt=_ID_SALT, n=1 << 14, r=8, p=1, dklen=_ID_BYTES)
    return f"env-{digest.hex()}"


def _fixed_keys(settings: Settings) -> FixedKeys:
    clients = environment_clients(settings)
    if settings.admin_key is not None:
        admin = Client(id="admin", name="admin", scopes=frozenset({"admin"}))
        clients[settings.admin_key.get_secret_value()] = admin
    salt = new_salt()
    return FixedKeys(((hash_of(key, salt=salt), c) for key, c in clients.items()), salt=salt)


def _keys_in(path: Path) -> FixedKeys:
    entries = read_key_file(path)
    return FixedKeys(((each.hash, each.client) for each in entries.keys), salt=entries.salt)


def _stamp(path: Path) -> tuple[int, ...] | None:
    """Return what differs once the file was changed or replaced; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
