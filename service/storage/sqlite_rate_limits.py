"""Rate limits in SQLite: a storage for the strategies of the package `limits`."""

import math
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from limits.storage import SlidingWindowCounterSupport, Storage

from service.errors import StoreError
from service.storage.sqlite_database import Database

RATES_SCHEMA = """
CREATE TABLE IF NOT EXISTS rates (
    key TEXT PRIMARY KEY,
    ends REAL NOT NULL,
    expires REAL NOT NULL,
    count INTEGER NOT NULL,
    count_before INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS rates_expire ON rates (expires);
"""


@dataclass(frozen=True, slots=True)
class _Window:
    """A window of a limit: when it ends, what it has counted, and what the one before it had."""

    ends: float
    count: int = 0
    count_before: int = 0

    def at(self, now: float, expiry: int) -> "_Window":
        """Return the window that `now` is in; windows are whole multiples of `expiry` seconds."""
        ends = (math.floor(now / expiry) + 1) * expiry
        if ends <= self.ends:  # also if the clock was set back
            return self
        return _Window(ends, 0, self.count if ends - self.ends == expiry else 0)


class SqliteRateLimits(SlidingWindowCounterSupport, Storage):
    """Counts in one table. Each hit is one transaction: processes never let more through than one.

    A row is removed soon after it has no effect any more.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        super().__init__()
        self._database = database
        self._clock = clock

    @property
    def base_exceptions(self) -> type[Exception]:
        return StoreError

    def acquire_sliding_window_entry(
        self, key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        with self._database.transaction() as connection:
            now = self._clock()
            window = _find(connection, key).at(now, expiry)
            before = math.floor(window.count_before * _part_left(window, now, expiry))
            if before + window.count + amount > limit:
                return False
            count = max(0, window.count + amount)
            values = (key, window.ends, window.ends + expiry, count, window.count_before)
            _put(connection, values, now)
            return True

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        with self._database.transaction() as connection:
            window = _find(connection, key).at(now := self._clock(), expiry)
        left_s = _part_left(window, now, expiry) * expiry
        return window.count_before, left_s, window.count, left_s + expiry

    def clear_sliding_window(self, key: str, expiry: int) -> None:  # noqa: ARG002 - of the interface
        self.clear(key)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        with self._database.transaction() as connection:
            now = self._clock()
            window = _find(connection, key)
            if window.ends <= now:
                window = _Window(now + expiry)
            count = window.count + amount
            _put(connection, (key, window.ends, window.ends, count, 0), now)
            return count

    def get(self, key: str) -> int:
        found = self._database.execute(
            "SELECT count FROM rates WHERE key = ? AND ends > ?", key, self._clock()
        )
        return int(found[0][0]) if found else 0

    def get_expiry(self, key: str) -> float:
        found = self._database.execute("SELECT ends FROM rates WHERE key = ?", key)
        return float(found[0][0]) if found else self._clock()

    def check(self) -> bool:
        try:
            self._database.execute("SELECT 1 FROM rates LIMIT 1")
        except StoreError:
            return False
        return True

    def reset(self) -> int:
        return self._database.change("DELETE FROM rates")

    def clear(self, key: str) -> None:
        self._database.change("DELETE FROM rates WHERE key = ?", key)


def _find(connection: sqlite3.Connection, key: str) -> _Window:
    found = connection.execute("SELECT ends, count, count_before FROM rates WHERE key = ?", (key,))
    return _Window(*(found.fetchone() or (0.0, 0, 0)))


def _put(
    connection: sqlite3.Connection, values: tuple[str, float, float, int, int], now: float
) -> None:
    """Write a row, and remove those that have expired."""
    connection.execute("INSERT OR REPLACE INTO rates VALUES (?, ?, ?, ?, ?)", values)
    connection.execute("DELETE FROM rates WHERE expires < ?", (now,))


def _part_left(window: _Window, now: float, expiry: int) -> float:
    return min(1.0, (window.ends - now) / expiry)
