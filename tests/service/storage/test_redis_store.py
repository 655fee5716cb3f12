"""The store in Redis: what expires, and a server that is wrong, gone or silent."""

from collections.abc import Callable

import pytest
from limits import RateLimitItemPerMinute
from limits.strategies import SlidingWindowCounterRateLimiter

from service.errors import StoreError
from service.storage.redis_store import RedisStore
from service.storage.store import Used
from tests.support.service.redis_server import PASSWORD, RedisServer, redis_running

MONTH = "2026-11"
DAY_S = 86_400
CALLS: list[Callable[[RedisStore], object]] = [
    lambda store: store.add_usage("c", MONTH, Used(1, 1), most_characters=5),
    lambda store: store.usage("c", MONTH),
    lambda store: store.get("k", "c", "name"),
    lambda store: store.put("k", "c", "name", "content"),
    lambda store: store.names("k", "c"),
    lambda store: store.delete("k", "c", "name"),
    lambda store: SlidingWindowCounterRateLimiter(store.rate_limits).hit(
        RateLimitItemPerMinute(1), "c"
    ),
    lambda store: SlidingWindowCounterRateLimiter(store.rate_limits).get_window_stats(
        RateLimitItemPerMinute(1), "c"
    ),
]


def failure_of(call: Callable[[], object]) -> str:
    """Return the operator's sentence of a call that fails; it has no password."""
    with pytest.raises(StoreError) as caught:
        call()
    error = caught.value
    assert PASSWORD not in f"{error} {error.detail} {error.__cause__}"
    assert "127.0.0.1" not in str(error)
    return error.detail


def test_usage_expires_13_months_after_its_month_and_rate_limits_soon(
    redis_server: RedisServer,
) -> None:
    with redis_server.client() as client:
        client.flushall()
        store = RedisStore(redis_server.url)
        store.add_usage("c", MONTH, Used(1, 1), most_characters=None)
        SlidingWindowCounterRateLimiter(store.rate_limits).hit(RateLimitItemPerMinute(5), "c")
        store.put("k", "c", "name", "content")
        store.close()
        keys = sorted(str(key) for key in client.scan_iter())
        assert [key.split(":")[:2] for key in keys] == [
            ["dragoman", "documents"],
            ["dragoman", "rates"],
            ["dragoman", "usage"],
        ]
        documents, rates, usage = (int(str(client.ttl(key))) for key in keys)
        assert documents == -1  # never
        assert 0 < rates <= 120
        assert 13 * 31 * DAY_S < usage <= 14 * 31 * DAY_S


def test_stores_together_let_no_more_through_than_one(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.flushall()
    stores = [RedisStore(redis_server.url) for _ in range(3)]
    limiters = [SlidingWindowCounterRateLimiter(store.rate_limits) for store in stores]
    hits = [limiter.hit(RateLimitItemPerMinute(10), "c") for limiter in limiters * 5]
    taken = [s.add_usage("c", MONTH, Used(1, 7), most_characters=50) for s in stores * 5]
    assert (sum(hits), sum(taken)) == (10, 7)
    for store in stores:
        store.close()


def test_a_server_that_is_not_there_is_named() -> None:
    with redis_running() as server:
        server.kill()
    detail = failure_of(lambda: RedisStore(server.url))
    assert detail == f"the state store {server.address} cannot be reached"


def test_a_wrong_password_is_not_repeated(redis_server: RedisServer) -> None:
    url = redis_server.url.replace(PASSWORD, f"wrong-{PASSWORD}")
    detail = failure_of(lambda: RedisStore(url))
    assert detail == f"the state store {redis_server.address} refused the user or the password"


@pytest.mark.parametrize(
    "place",
    [
        f"user:{PASSWORD}@host:port/0?x={PASSWORD}",
        f":{PASSWORD}",
        f"user:{PASSWORD}",
        f"localhost:1/0?timeout=soon&password=a@{PASSWORD}",
        f":a?{PASSWORD}@localhost:1",
        f":a/{PASSWORD}@localhost:1",
    ],
)
def test_an_address_that_cannot_be_is_named_without_its_password(place: str) -> None:
    assert "redis://" in failure_of(lambda: RedisStore(f"redis://{place}"))


@pytest.mark.parametrize("call", CALLS)
def test_a_server_that_is_killed_fails_every_call(call: Callable[[RedisStore], object]) -> None:
    with redis_running() as server:
        store = RedisStore(server.url)
        call(store)
        server.kill()
        detail = failure_of(lambda: call(store))
        assert detail == f"the state store {server.address} cannot be reached"
        store.close()


def test_a_server_that_comes_back_is_used_again() -> None:
    with redis_running() as server:
        store = RedisStore(server.url)
        server.kill()
        failure_of(lambda: store.usage("c", MONTH))
        with redis_running(server.port):
            assert store.add_usage("c", MONTH, Used(1, 1), most_characters=None)
            assert store.usage("c", MONTH) == Used(1, 1)
            store.close()


def test_a_server_that_hangs_is_given_up() -> None:
    with redis_running() as server:
        store = RedisStore(server.url)
        with server.hanging():
            detail = failure_of(lambda: store.usage("c", MONTH))
        assert detail == f"the state store {server.address} did not answer within 1 s"
        store.close()


def test_a_server_that_refuses_to_write_is_named() -> None:
    with redis_running() as server, server.client() as client:
        store = RedisStore(server.url)
        client.config_set("maxmemory", "1")
        detail = failure_of(lambda: store.put("k", "c", "name", "content"))
        assert detail.startswith(f"the state store {server.address} refused a command")
        store.close()
