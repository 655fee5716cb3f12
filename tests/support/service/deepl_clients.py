"""The package `deepl`, pointed at a server of ours over a real socket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from typing import Any, Protocol, TypeVar

import deepl
import httpx

from service.access.clients import Scope
from service.access.control import NO_KEYS, AccessControl, KeyRing
from service.api.create import create_api
from service.settings import Settings
from service.storage.sqlite_store import SqliteStore
from tests.support.service.clients import server_running
from tests.support.service.fakes import FakeBackend
from tests.support.service.key_rings import one_key

KEY = "a key of sixteen"  # of the client that `key_ring` knows

T = TypeVar("T")


Call = Callable[[deepl.DeepLClient], T]
Results = deepl.TextResult | list[deepl.TextResult]


class Ask(Protocol):
    """Calls a method of the package's client in a thread, as it blocks."""

    async def __call__(self, call: Call[T]) -> T: ...


def translating(text: str | list[str] = "Hello", **options: Any) -> Call[Results]:
    """Return a call that translates, to German unless the options name another language."""
    given = {"target_lang": "DE", **options}
    return lambda client: client.translate_text(text, **given)


def key_ring(*scopes: Scope, **allowance: int) -> KeyRing:
    """Return the keys of a service with one client; without scopes it may translate."""
    return one_key(KEY, *(scopes or ("translate",)), **allowance)


@asynccontextmanager
async def deepl_server(
    backend: FakeBackend | None = None, *, keys: KeyRing = NO_KEYS, **settings: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a server over a fake backend; `settings` override the defaults."""
    with closing(SqliteStore(None)) as store:
        access = AccessControl(keys, store)
        app = create_api(backend or FakeBackend(), Settings.model_validate(settings), access=access)
        async with server_running(app) as client:
            yield client


@asynccontextmanager
async def asking(
    backend: FakeBackend | None = None,
    *,
    key: str = KEY,
    keys: KeyRing = NO_KEYS,
    retries: int = 0,
    **settings: Any,
) -> AsyncIterator[Ask]:
    """Yield the package's client, which tries a request again `retries` times."""
    own_retries = deepl.http_client.max_network_retries
    deepl.http_client.max_network_retries = retries
    try:
        async with deepl_server(backend, keys=keys, **settings) as server:
            with closing(deepl.DeepLClient(key, server_url=str(server.base_url))) as client:

                async def ask(call: Call[T]) -> T:
                    return await asyncio.to_thread(call, client)

                yield ask
    finally:
        deepl.http_client.max_network_retries = own_retries
