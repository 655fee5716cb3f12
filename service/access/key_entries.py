"""The contents of a keys file: an entry for each key, with its hash in place of the key.

A key is hashed by BLAKE2b with the file's salt, in microseconds. A slow hash such as argon2 makes
guessing dear, and so would it every request (some 50 ms of CPU); it is for passwords. `new_key`
draws 190 random bits, which nobody guesses at any speed.
"""

import hashlib
import re
import secrets
import string
from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator

from service.access.clients import Allowance, Client, Scope

KEY_PREFIX = "dragoman_"  # by which a scanner for leaked secrets finds a key

_KEY_CHARACTERS = 32  # of 62: 190 bits
_ALPHABET = string.ascii_letters + string.digits
_SALT_BYTES = 32
_HASH_BYTES = 32
_ID_BYTES = 6
_MAX_NAME_CHARACTERS = 64
_ID = rf"^key-[0-9a-f]{{{2 * _ID_BYTES}}}$"

# The largest number that every store counts exactly, with room for a sum: Redis's are floats.
MAX_LIMIT = 10**15
Limit = Annotated[int, Field(strict=True, ge=1, le=MAX_LIMIT)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class KeyEntry(_Part):
    """A key's hash, and the client that holds the key."""

    id: str = Field(pattern=_ID)
    name: str = Field(min_length=1, max_length=_MAX_NAME_CHARACTERS)
    hash: str = Field(pattern=rf"^[0-9a-f]{{{2 * _HASH_BYTES}}}$")
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)]
    requests_per_minute: Limit | None = None
    characters_per_minute: Limit | None = None
    characters_per_month: Limit | None = None
    created: AwareDatetime

    @field_validator("name")
    @classmethod
    def _can_be_shown(cls, name: str) -> str:
        if not name.isprintable() or name != name.strip():
            raise ValueError("must be printable, without blanks around it")
        if re.match(_ID, name) or name.startswith(KEY_PREFIX):
            raise ValueError("must not look like an id or a key")
        return name

    @property
    def client(self) -> Client:
        """The holder of the key."""
        return Client(
            id=self.id,
            name=self.name,
            scopes=frozenset(self.scopes),
            allowance=Allowance(
                requests_per_minute=self.requests_per_minute,
                characters_per_minute=self.characters_per_minute,
                characters_per_month=self.characters_per_month,
            ),
        )

    def is_called(self, name: str) -> bool:
        """Return whether the entry has that name or id."""
        return name in (self.name, self.id)


class KeyEntries(_Part):
    """All that a keys file holds."""

    salt: str = Field(pattern=rf"^[0-9a-f]{{{2 * _SALT_BYTES}}}$")
    keys: tuple[KeyEntry, ...] = ()

    @model_validator(mode="after")
    def _entries_differ(self) -> Self:
        for field in ("id", "name", "hash"):
            places = _equal_values([getattr(entry, field) for entry in self.keys])
            if places:
                first, second = places
                raise ValueError(f"keys[{second}] has the same {field} as keys[{first}]")
        return self

    def with_entry(self, entry: KeyEntry) -> Self:
        """Return these entries and another."""
        return self.model_validate({"salt": self.salt, "keys": (*self.keys, entry)})

    def without(self, entry: KeyEntry) -> Self:
        """Return these entries but one."""
        return self.model_copy(update={"keys": tuple(k for k in self.keys if k.id != entry.id)})

    def called(self, name: str) -> KeyEntry | None:
        """Return the entry with that name or id."""
        return next((entry for entry in self.keys if entry.is_called(name)), None)


def new_key() -> str:
    """Return a new random key."""
    return KEY_PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_KEY_CHARACTERS))


def new_id() -> str:
    """Return a new random id of an entry."""
    return f"key-{secrets.token_hex(_ID_BYTES)}"


def new_salt() -> str:
    """Return a new random salt."""
    return secrets.token_hex(_SALT_BYTES)


def hash_of(key: str, *, salt: str) -> str:
    """Return a key's hash; the key may be any text that a client sent."""
    content = key.encode(errors="surrogatepass")
    digest = hashlib.blake2b(content, key=bytes.fromhex(salt), digest_size=_HASH_BYTES)
    return digest.hexdigest()


def _equal_values(values: Sequence[str]) -> tuple[int, int] | None:
    """Return the places of the first two values that are equal."""
    seen: dict[str, int] = {}
    for place, value in enumerate(values):
        if value in seen:
            return seen[value], place
        seen[value] = place
    return None
