"""Services in a thread of their own, for blocking clients, with keys and a store that stays."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import deepl
from fastapi import FastAPI

from service.access.clients import Client, Scope
from service.access.control import NO_KEYS, AccessControl, KeyRing
from service.api.create import create_api
from service.backend import Backend
from service.settings import Settings
from service.storage.sqlite_store import SqliteStore
from tests.support.service.clients import server_running
from tests.support.service.fakes import FakeBackend
from tests.support.service.key_rings import GivenKeys

TIMEOUT_S = 60


def translators(*names: str) -> GivenKeys:
    """Return the keys of clients that may translate; each has its name as its key."""
    scopes: frozenset[Scope] = frozenset({"translate"})
    return GivenKeys({name: Client(id=name, name=name, scopes=scopes) for name in names})


@contextmanager
def serving(
    backend: Backend | None = None,
    *,
    keys: KeyRing = NO_KEYS,
    file: Path | None = None,
    **settings: object,
) -> Iterator[str]:
    """Yield the address of a service that keeps its documents in `file`."""
    with closing(SqliteStore(file)) as store:
        app = create_api(
            backend or FakeBackend(),
            Settings.model_validate(settings),
            access=AccessControl(keys, store),
        )
        with _in_thread(app) as url:
            yield url


@contextmanager
def deepl_client(url: str, key: str = "any") -> Iterator[deepl.DeepLClient]:
    """Yield the package's own client of a service."""
    with closing(deepl.DeepLClient(key, server_url=url)) as client:
        yield client


@contextmanager
def _in_thread(app: FastAPI) -> Iterator[str]:
    urls: list[str] = []
    started, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        async with server_running(app) as client:
            urls.append(str(client.base_url))
            started.set()
            await stop.wait()

    def work() -> None:
        with closing(loop):
            loop.run_until_complete(run())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert started.wait(TIMEOUT_S)
        yield urls[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(TIMEOUT_S)
        assert not thread.is_alive()
