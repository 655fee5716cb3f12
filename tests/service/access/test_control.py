"""Requests are counted, limited and refunded: over HTTP, in stores that last."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.access.clients import Allowance
from service.access.control import NO_KEYS, AccessControl
from service.api.create import create_api
from service.settings import Settings
from service.storage.redis_store import RedisStore
from service.storage.sqlite_store import SqliteStore
from service.storage.store import StateStore
from tests.support.service.clients import server_running
from tests.support.service.counting import MONTH, NO_LIMITS, Clock, answered, send, serving, used
from tests.support.service.fakes import FakeBackend
from tests.support.service.redis_server import RedisServer
from tests.support.service.waiting import until

DAY_S = 86_400


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, path: Path, clock: Clock) -> StateStore:
    if request.param == "sqlite":
        return SqliteStore(path, clock=clock)
    server: RedisServer = request.getfixturevalue("redis_server")
    with server.client() as client:
        client.flushall()
    return RedisStore(server.url)


# -- usage


async def test_usage_tells_what_was_used_and_every_limit(store: StateStore, clock: Clock) -> None:
    allowance = Allowance(requests_per_minute=9, characters_per_minute=90, characters_per_month=900)
    async with serving(store, clock, allowance=allowance) as client:
        assert await answered(client, 7, 5) == [True, True]
        assert (await client.get("/v1/usage")).json() == {
            "period": "2026-11",
            "requests": 2,
            "characters": 12,
            "characters_limit": 900,
            "characters_left": 888,
            "requests_per_minute": 9,
            "characters_per_minute": 90,
        }


async def test_what_has_no_limit_is_null_and_counted_all_the_same(
    store: StateStore, clock: Clock
) -> None:
    async with serving(store, clock) as client:
        assert await answered(client, 7) == [True]
        assert (await client.get("/v1/usage")).json() == {
            "period": "2026-11",
            "requests": 1,
            "characters": 7,
            "characters_limit": None,
            "characters_left": None,
            "requests_per_minute": None,
            "characters_per_minute": None,
        }


async def test_without_keys_the_usage_is_everybodys() -> None:
    access = AccessControl(NO_KEYS, SqliteStore(None))
    async with server_running(create_api(FakeBackend(), Settings(), access=access)) as client:
        for key in ("", "a", "b"):
            assert (await send(client, 4, key or "none")).status_code == 200
        assert await used(client) == (3, 12)


async def test_usage_of_others_is_not_told(store: StateStore) -> None:
    async with serving(store) as client:
        await send(client, 7, "free")
        assert await used(client, "limited") == (0, 0)
        answer = await client.get("/v1/usage", headers={"authorization": "Bearer none"})
        assert answer.status_code == 401


async def test_all_kinds_of_requests_are_counted(store: StateStore) -> None:
    async with serving(store, allowance=Allowance(characters_per_month=100)) as client:
        for route, body in (
            ("translate", {"text": ["12", "345"], "source_lang": "en", "target_lang": "de"}),
            ("detect", {"text": "1234567"}),
            ("score", {"text": "12", "output": "345", "source_lang": "en", "target_lang": "de"}),
        ):
            assert (await client.post(f"/v1/{route}", json=body)).status_code == 200
        assert await used(client) == (3, 17)


async def test_a_month_begins_with_nothing_used_and_a_whole_quota(clock: Clock) -> None:
    store, allowance = SqliteStore(None, clock=clock), Allowance(characters_per_month=10)
    async with serving(store, clock, allowance=allowance) as client:
        assert await answered(client, 10, 1) == [True, False]
        clock.now += 3 * DAY_S
        assert (await client.get("/v1/usage")).json()["period"] == "2026-12"
        assert await used(client) == (0, 0)
        assert await answered(client, 10, 1) == [True, False]


@pytest.mark.parametrize("allowance", [NO_LIMITS, Allowance(characters_per_month=100)])
async def test_usage_is_kept_when_the_service_ends(path: Path, allowance: Allowance) -> None:
    async with serving(SqliteStore(path), allowance=allowance) as client:
        await answered(client, 5, 6)
    async with serving(SqliteStore(path), allowance=allowance) as client:
        assert await used(client) == (2, 11)


async def test_another_replica_soon_knows_of_usage_without_limits(store: StateStore) -> None:
    async with serving(store) as client:
        await answered(client, 5)
        await until(lambda: store.usage("limited", MONTH).characters == 5)
        await answered(client, 6)
        await until(lambda: store.usage("limited", MONTH).characters == 11)


# -- limits


async def test_requests_beyond_the_minutes_limit_are_told_when_to_come_back(
    store: StateStore, clock: Clock
) -> None:
    async with serving(store, clock, allowance=Allowance(requests_per_minute=2)) as client:
        assert await answered(client, 1, 1) == [True, True]
        refused = await send(client, 1)
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        wait_s = int(refused.headers["retry-after"])
        sentence = f"this API key may send 2 requests a minute; try again in {wait_s} s"
        assert refused.json()["error"] == sentence
        assert 1 <= wait_s <= 61
        assert await used(client) == (2, 2)


async def test_a_text_that_can_never_pass_is_refused_for_good(store: StateStore) -> None:
    allowance = Allowance(requests_per_minute=1, characters_per_minute=10)
    async with serving(store, allowance=allowance) as client:
        refused = await send(client, 11)
        assert (refused.status_code, refused.json()["code"]) == (413, "text_too_long")
        assert "retry-after" not in refused.headers
        assert refused.json()["error"] == (
            "`text` has 11 characters together; at most 10 are allowed a minute with this API key"
        )
        assert await answered(client, 10) == [True]


async def test_a_request_with_too_many_characters_counts_as_no_request(
    store: StateStore, clock: Clock
) -> None:
    allowance = Allowance(requests_per_minute=3, characters_per_minute=10)
    async with serving(store, clock, allowance=allowance) as client:
        assert await answered(client, 8, 9, 9, 1, 1, 0) == [True, False, False, True, True, False]
        assert await used(client) == (3, 10)


async def test_a_request_beyond_the_quota_counts_for_no_limit(
    store: StateStore, clock: Clock
) -> None:
    allowance = Allowance(requests_per_minute=2, characters_per_minute=12, characters_per_month=10)
    async with serving(store, clock, allowance=allowance) as client:
        assert await answered(client, 6, 6, 6, 4) == [True, False, False, True]
        assert await used(client) == (2, 10)


async def test_a_quota_that_is_used_up_is_named_and_invites_no_retry(store: StateStore) -> None:
    async with serving(store, allowance=Allowance(characters_per_month=10)) as client:
        refused = await send(client, 11)
        assert (refused.status_code, refused.json()["code"]) == (429, "quota_exceeded")
        assert "10 characters a month" in refused.json()["error"]
        assert "retry-after" not in refused.headers
        assert await used(client) == (0, 0)


async def test_replicas_together_let_no_more_through_than_one(path: Path, clock: Clock) -> None:
    allowance = Allowance(requests_per_minute=7, characters_per_month=1_000)
    first, second = (SqliteStore(path, clock=clock) for _ in "12")
    async with (
        serving(first, clock, allowance=allowance) as one,
        serving(second, clock, allowance=allowance) as two,
    ):
        answers = await asyncio.gather(*(send(client, 1) for client in (one, two) * 10))
        assert sorted(answer.status_code for answer in answers) == [200] * 7 + [429] * 13
        assert await used(one) == await used(two) == (7, 7)


@settings(max_examples=15, deadline=None)
@given(lengths=st.lists(st.integers(0, 40), max_size=8), quota=st.integers(0, 100))
async def test_the_answered_texts_are_the_usage_and_never_more_than_the_quota(
    lengths: list[int], quota: int
) -> None:
    allowance = Allowance(characters_per_month=quota)
    async with serving(SqliteStore(None), allowance=allowance) as client:
        passed = await answered(client, *lengths)
        taken = [length for length, has in zip(lengths, passed, strict=True) if has]
        usage = (await client.get("/v1/usage")).json()
    assert (usage["requests"], usage["characters"]) == (len(taken), sum(taken))
    assert sum(taken) <= quota
    assert usage["characters_left"] == quota - sum(taken)
