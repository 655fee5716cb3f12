"""The store in one SQLite file, which the replicas of a node share."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from limits.storage import Storage

from service.storage.sqlite_database import Database
from service.storage.sqlite_rate_limits import RATES_SCHEMA, SqliteRateLimits
from service.storage.store import RETENTION_S, Used

_SCHEMA = """
CREATE TABLE IF NOT EXISTS usage (
    client TEXT NOT NULL,
    period TEXT NOT NULL,
    requests INTEGER NOT NULL,
    characters INTEGER NOT NULL,
    PRIMARY KEY (client, period)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS documents (
    kind TEXT NOT NULL,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (kind, owner, name)
) WITHOUT ROWID;
"""

# One statement: what is compared with the limit cannot change before the sum is written.
_ADD_USAGE = """
INSERT INTO usage SELECT ?1, ?2, ?3, ?4
WHERE ?5 IS NULL OR ?4 + coalesce(
    (SELECT characters FROM usage WHERE client = ?1 AND period = ?2), 0) <= ?5
ON CONFLICT (client, period) DO UPDATE SET
    requests = requests + excluded.requests,
    characters = characters + excluded.characters
"""


class SqliteStore:
    """Implements `StateStore`."""

    def __init__(
        self,
        path: Path | None,
        *,
        clock: Callable[[], float] = time.time,
        busy_timeout_s: float = 5.0,
    ) -> None:
        """Open the file, or make it; None keeps everything in memory.

        Args:
            path: The file; missing folders above it are made for this user only.
            clock: Gives seconds since 1970, for the windows of rate limits.
            busy_timeout_s: Time to wait for another process's transaction, of which each takes
                less than a millisecond.

        Raises:
            StoreError: The file cannot be opened, made or written.
        """
        self._database = Database(path, _SCHEMA + RATES_SCHEMA, busy_timeout_s=busy_timeout_s)
        self._rate_limits = SqliteRateLimits(self._database, clock=clock)
        oldest = datetime.fromtimestamp(clock() - RETENTION_S, tz=UTC)
        self._database.change("DELETE FROM usage WHERE period < ?", f"{oldest:%Y-%m}")

    @property
    def rate_limits(self) -> Storage:
        return self._rate_limits

    def add_usage(
        self, client: str, period: str, amount: Used, *, most_characters: int | None
    ) -> bool:
        values = (client, period, amount.requests, amount.characters, most_characters)
        return self._database.change(_ADD_USAGE, *values) > 0

    def usage(self, client: str, period: str) -> Used:
        rows = self._database.execute(
            "SELECT requests, characters FROM usage WHERE client = ? AND period = ?",
            client,
            period,
        )
        return Used(*rows[0]) if rows else Used()

    def put(self, kind: str, owner: str, name: str, content: str) -> None:
        self._database.change(
            "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)", kind, owner, name, content
        )

    def get(self, kind: str, owner: str, name: str) -> str | None:
        rows = self._database.execute(
            "SELECT content FROM documents WHERE kind = ? AND owner = ? AND name = ?",
            kind,
            owner,
            name,
        )
        return rows[0][0] if rows else None

    def names(self, kind: str, owner: str) -> list[str]:
        rows = self._database.execute(
            "SELECT name FROM documents WHERE kind = ? AND owner = ? ORDER BY name", kind, owner
        )
        return [name for (name,) in rows]

    def delete(self, kind: str, owner: str, name: str) -> bool:
        statement = "DELETE FROM documents WHERE kind = ? AND owner = ? AND name = ?"
        return self._database.change(statement, kind, owner, name) > 0

    def close(self) -> None:
        self._database.close()
