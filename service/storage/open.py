"""Open the store that the settings name."""

import os
from pathlib import Path

from service.errors import StoreError
from service.settings import Settings
from service.storage.sqlite_store import SqliteStore
from service.storage.store import StateStore

FILE_NAME = "state.sqlite"
_REDIS_SCHEMES = ("redis://", "rediss://")


class StateStoreError(Exception):
    """A store that cannot be opened; the message names the setting, and no password."""


def open_store(
    settings: Settings, *, has_keys: bool, node_folder: Path | None = None
) -> StateStore:
    """Open the store of `settings.state_store`, or the one that is meant if that is unset.

    Args:
        settings: The operator's.
        has_keys: Clients have keys: what they use is kept across restarts.
        node_folder: A folder of this service that all replicas of the node share; without keys the
            store lies there, or in memory if there is none.

    Raises:
        StateStoreError: The store cannot be opened or written.
    """
    try:
        if settings.state_store is None:
            return SqliteStore(_default_file(has_keys=has_keys, node_folder=node_folder))
        return _named(settings.state_store.get_secret_value().strip())
    except StoreError as error:
        raise StateStoreError(f"DRAGOMAN_STATE_STORE: {error.detail}") from None


def _named(place: str) -> StateStore:
    if place.lower().startswith(_REDIS_SCHEMES):
        return _redis_store(place)
    scheme, separator, _ = place.partition(":")
    if separator and scheme.isalnum():  # the rest of a URL may hold a password
        raise StoreError(
            f"it begins with {scheme}: and must be the path of a SQLite file, or begin with "
            f"{' or '.join(_REDIS_SCHEMES)}"
        )
    return SqliteStore(_expanded(place))


def _redis_store(url: str) -> StateStore:
    try:
        from service.storage.redis_store import RedisStore  # noqa: PLC0415 - an optional package
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise StoreError(
            "a Redis URL needs the package redis; pip install 'dragoman[redis]' brings it"
        ) from None
    return RedisStore(url)


def _default_file(*, has_keys: bool, node_folder: Path | None) -> Path | None:
    if has_keys:
        home = os.environ.get("XDG_STATE_HOME", "")
        # The specification has a relative path ignored.
        state = Path(home) if home.startswith("/") else _expanded("~/.local/state")
        return state / "dragoman" / FILE_NAME
    return None if node_folder is None else node_folder / FILE_NAME


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise StoreError(f"there is no home folder for {path}; name another file") from None
