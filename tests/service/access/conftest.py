"""A Redis server for all tests of a run."""

from collections.abc import Iterator

import pytest

from tests.support.service.redis_server import RedisServer, redis_running


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with redis_running() as server:
        yield server
