"""The interface of the store; implemented over SQLite and over Redis."""

from dataclasses import dataclass
from typing import Protocol

from limits.storage import Storage

MONTHS_KEPT = 13  # of usage, the present one not counted
RETENTION_S = (MONTHS_KEPT + 1) * 31 * 86_400  # since the last change of a month's usage


@dataclass(frozen=True, slots=True)
class Used:
    """Usage of a client in one period."""

    requests: int = 0
    characters: int = 0

    def __add__(self, other: "Used") -> "Used":
        return Used(self.requests + other.requests, self.characters + other.characters)


class StateStore(Protocol):
    """Keeps usage and documents; every replica of a service sees the same.

    Methods block and may be called from any thread. Each is atomic.

    Raises:
        StoreError: The store cannot be reached, or its file cannot be written; by any method.
    """

    @property
    def rate_limits(self) -> Storage:
        """The storage that the strategies of the package `limits` count in; has sliding windows.

        Its methods raise StoreError, too. A negative amount takes back what was counted.
        """
        ...

    def add_usage(
        self, client: str, period: str, amount: Used, *, most_characters: int | None
    ) -> bool:
        """Add to what a client used in a period, such as `2026-11`; amounts may be negative.

        Return False, and add nothing, if there would be more than `most_characters` then. Periods
        are forgotten after `MONTHS_KEPT` months.
        """
        ...

    def usage(self, client: str, period: str) -> Used:
        """Return what a client used in a period."""
        ...

    def put(self, kind: str, owner: str, name: str, content: str) -> None:
        """Keep a document under its kind, owner and name, in place of an earlier one."""
        ...

    def get(self, kind: str, owner: str, name: str) -> str | None:
        """Return a document, or None."""
        ...

    def names(self, kind: str, owner: str) -> list[str]:
        """Return the names of an owner's documents of a kind, sorted."""
        ...

    def delete(self, kind: str, owner: str, name: str) -> bool:
        """Delete a document; return whether there was one."""
        ...

    def close(self) -> None:
        """Let go of files and connections; may be called again."""
        ...
