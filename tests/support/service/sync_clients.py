"""Run client packages that block, against a server on a socket, as some clients of keys."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar

from service.access.clients import Client, Scope
from service.access.control import AccessControl
from service.api.create import create_api
from service.settings import Settings
from service.storage.sqlite_store import SqliteStore
from tests.support.service.clients import server_running
from tests.support.service.fakes import FakeBackend
from tests.support.service.key_rings import GivenKeys

T = TypeVar("T")


async def ask(
    call: Callable[[str], T],
    backend: FakeBackend | None = None,
    *,
    keys: Mapping[str, Scope] | None = None,
    settings: Settings | None = None,
) -> T:
    """Return what a call returns that is given the URL of a server, while the server runs."""
    access = None if keys is None else AccessControl(_keys(keys), SqliteStore(None))
    app = create_api(backend or FakeBackend(), settings or Settings(), access=access)
    async with server_running(app) as client:
        return await asyncio.to_thread(call, str(client.base_url).rstrip("/"))


def _keys(scopes: Mapping[str, Scope]) -> GivenKeys:
    return GivenKeys(
        {
            key: Client(id=scope, name=scope, scopes=frozenset({scope}))
            for key, scope in scopes.items()
        }
    )
