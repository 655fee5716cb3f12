"""The clients of the service: what each may do, and how much."""

from dataclasses import dataclass
from typing import Literal

Scope = Literal["translate", "summarize", "admin", "metrics"]
SCOPES: tuple[Scope, ...] = ("translate", "summarize", "admin", "metrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """The most that a client may use; None is without limit. Characters are code points."""

    requests_per_minute: int | None = None
    characters_per_minute: int | None = None
    characters_per_month: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The holder of a key, or anybody where no keys are set.

    Attributes:
        id: Names the client in the store and in logs; is not secret.
        name: The operator's own name for it.
        scopes: What it may do.
        allowance: How much of it.
    """

    id: str
    name: str
    scopes: frozenset[Scope]
    allowance: Allowance = Allowance()


# Where no keys are set, models still change only for who has the admin key.
ANYBODY = Client(id="anybody", name="anybody", scopes=frozenset(SCOPES) - {"admin"})
