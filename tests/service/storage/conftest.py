"""The kinds of store that must not differ."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.storage.redis_store import RedisStore
from service.storage.sqlite_store import SqliteStore
from service.storage.store import StateStore
from tests.support.service.redis_server import RedisServer, redis_running


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with redis_running() as server:
        yield server


@pytest.fixture(params=["file", "memory", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StateStore]:
    store: StateStore
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        with server.client() as client:
            client.flushall()
        store = RedisStore(server.url)
    else:
        path = tmp_path / "state.sqlite" if request.param == "file" else None
        store = SqliteStore(path, clock=lambda: 1_800_000_000.0)  # no minute ends within a test
    yield store
    store.close()
