"""A server on a socket for clients of LibreTranslate, with one key or open to anybody."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from service.access.clients import Scope
from service.access.control import NO_KEYS, AccessControl, KeyRing
from service.api.create import create_api
from service.pairs import Pairs
from service.settings import Settings
from service.storage.sqlite_store import SqliteStore
from tests.support.service import key_rings
from tests.support.service.clients import server_running
from tests.support.service.fakes import TRANSLATOR, FakeBackend
from tests.support.service.key_rings import GivenKeys

KEY = "a-key-of-one-client"
TEXT = "Where is the train station?"


def one_key(*scopes: Scope, **allowance: int) -> GivenKeys:
    """Return `KEY` alone, with scopes and limits."""
    return key_rings.one_key(KEY, *scopes, **allowance)


def access_by(keys: KeyRing) -> AccessControl:
    """Return the control of requests by these keys; what is counted lies in memory."""
    return AccessControl(keys, SqliteStore(None))


@asynccontextmanager
async def serving(
    backend: FakeBackend | None = None, *, keys: KeyRing | None = None, **settings: Any
) -> AsyncIterator[str]:
    """Yield the address of a server; without `keys` it answers anybody."""
    access = AccessControl(NO_KEYS, SqliteStore(None)) if keys is None else access_by(keys)
    app = create_api(backend or FakeBackend(), Settings(**settings), access=access)
    async with server_running(app) as client:
        yield str(client.base_url).rstrip("/")


def backend_of(*codes: str) -> FakeBackend:
    """Return a backend of one model that translates between all of these languages."""
    return FakeBackend(served=(replace(TRANSLATOR, pairs=Pairs.between(codes, codes)),))
