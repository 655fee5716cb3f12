"""One SQLite database: its connection, its transactions, and its errors as sentences."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from service.errors import StoreError

_OPEN_ATTEMPTS = 20  # another process may be making the same file
_OPEN_PAUSE_S = 0.05
_FOLDER_MODE, _FILE_MODE = 0o700, 0o600

_REASONS = {
    sqlite3.SQLITE_BUSY: "is locked by another process",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened",
    sqlite3.SQLITE_CORRUPT: "is damaged",
    sqlite3.SQLITE_FULL: "cannot be written: the disk is full",
    sqlite3.SQLITE_NOTADB: "is not a SQLite file",
    sqlite3.SQLITE_PERM: "cannot be opened: permission denied",
    sqlite3.SQLITE_READONLY: "cannot be written: it is read-only",
}


class Database:
    """A connection that threads share, one at a time; processes share the file.

    One connection behind a lock is no slower than one for each thread, as SQLite writes one
    transaction at a time anyway.
    """

    def __init__(self, path: Path | None, schema: str, *, busy_timeout_s: float) -> None:
        """Open the file, or make it; None keeps everything in memory.

        Args:
            path: The file; missing folders above it are made for this user only.
            schema: Statements that make the tables that there are not yet.
            busy_timeout_s: Time to wait for another process's transaction.

        Raises:
            StoreError: The file cannot be made, or is no database.
        """
        self._name = "in memory" if path is None else str(path)
        self._lock = threading.Lock()
        with self._errors():
            if path is not None:
                _make_private(path)
            self._connection = sqlite3.connect(
                ":memory:" if path is None else path,
                timeout=busy_timeout_s,
                check_same_thread=False,
                isolation_level=None,
            )
            try:
                self._prepare(schema)
            except BaseException:
                self._connection.close()
                raise

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement, which is a transaction by itself; return its rows."""
        with self._lock, self._errors():
            return self._connection.execute(statement, values).fetchall()

    def change(self, statement: str, *values: Any) -> int:
        """Run one statement, which is a transaction by itself; return how many rows it changed."""
        with self._lock, self._errors():
            return self._connection.execute(statement, values).rowcount

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection inside a transaction that no other process can write meanwhile."""
        with self._lock, self._errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # some errors have rolled back already
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file; may be called again."""
        with self._lock, self._errors():
            self._connection.close()

    def _prepare(self, schema: str) -> None:
        for attempt in range(_OPEN_ATTEMPTS):
            try:
                # Readers and one writer at once. It does not wait for another process that does it.
                self._connection.execute("PRAGMA journal_mode=WAL")
                break
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or attempt + 1 == _OPEN_ATTEMPTS:
                    raise
                time.sleep(_OPEN_PAUSE_S)
        # With a log, a loss of power takes the last transactions but damages nothing.
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(f"BEGIN IMMEDIATE; {schema} COMMIT;")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise the errors of SQLite and of the file system as StoreError."""
        try:
            yield
        except sqlite3.Error as error:
            # Errors of the module itself, such as a closed connection, have no code.
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
            reason = _REASONS.get(code & 0xFF, f"failed: {error}")
            raise StoreError(f"the state store {self._name} {reason}") from error
        except OSError as error:
            reason = f"cannot be made: {error.strerror}"
            raise StoreError(f"the state store {self._name} {reason}") from error


def _make_private(path: Path) -> None:
    """Make the file and the folders above it, where they are missing, for this user only."""
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    path.touch(mode=_FILE_MODE)
