"""Keys for tests that make no file of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from service.access.clients import SCOPES, Allowance, Client, Scope


@dataclass(frozen=True, slots=True)
class GivenKeys:
    """A `KeyRing` of clients by their keys."""

    clients: Mapping[str, Client]
    is_open = False
    may_block = False

    def client_of(self, key: str) -> Client | None:
        return self.clients.get(key)


def one_key(key: str, *scopes: Scope, **allowance: int) -> GivenKeys:
    """Return one valid key, with scopes and limits."""
    client = Client(
        id="one", name="one", scopes=frozenset(scopes), allowance=Allowance(**allowance)
    )
    return GivenKeys({key: client})


def limited_keys(allowances: Mapping[str, Allowance]) -> GivenKeys:
    """Return keys of all scopes with limits; a key is the id of its client."""
    return GivenKeys(
        {
            key: Client(id=key, name=key, scopes=frozenset(SCOPES), allowance=allowance)
            for key, allowance in allowances.items()
        }
    )
