"""Refunds, and a store that fails: nobody pays for an error, and no error hides another."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from model.errors import QueueFullError
from service.access.clients import ANYBODY, Allowance
from service.access.control import NO_KEYS, AccessControl
from service.errors import StoreError
from service.settings import Settings
from service.storage.redis_store import RedisStore
from service.storage.sqlite_store import SqliteStore
from service.storage.store import Used
from service.tasks.registry import ModelRegistry
from service.tasks.service import TaskService
from service.telemetry import metrics
from service.telemetry.log import configure_logging
from service.text.detection import Detector
from tests.support.service.counting import MONTH, NO_LIMITS, Clock, answered, send, serving, used
from tests.support.service.fakes import FakeBackend, make_request
from tests.support.service.key_rings import limited_keys
from tests.support.service.redis_server import PASSWORD, redis_running
from tests.support.service.waiting import until

QUOTA = Allowance(characters_per_month=100)
DAY_S = 86_400

with_and_without_quota = pytest.mark.parametrize("allowance", [NO_LIMITS, QUOTA])


def full() -> FakeBackend:
    """Return a backend that fails for each text that holds an x."""
    return FakeBackend(error=QueueFullError(num_waiting=1, limit=1), error_at="x")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other connections from writing to a SQLite file."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


def num_clients_gone() -> float:
    """Return how many requests for translations ended because their clients had left."""
    labels = {"route": "/v1/translate", "status": "499"}
    return metrics.REGISTRY.get_sample_value("dragoman_requests_total", labels) or 0.0


# -- refunds


@with_and_without_quota
async def test_a_request_that_failed_costs_no_characters(path: Path, allowance: Allowance) -> None:
    async with serving(SqliteStore(path), allowance=allowance, backend=full()) as client:
        answer = await send(client, 60)
        assert (answer.status_code, answer.json()["code"]) == (503, "queue_full")
        assert await used(client) == (1, 0)


@with_and_without_quota
async def test_a_request_that_is_invalid_costs_no_characters(
    path: Path, allowance: Allowance
) -> None:
    async with serving(SqliteStore(path), allowance=allowance) as client:
        answer = await send(client, 60, target_lang="xx")
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_language")
        assert await used(client) == (1, 0)


@with_and_without_quota
async def test_a_stream_that_ends_in_an_error_costs_no_characters(
    path: Path, allowance: Allowance
) -> None:
    async with serving(SqliteStore(path), allowance=allowance, backend=full()) as client:
        assert "queue_full" in (await send(client, 60, stream=True)).text
        assert await used(client) == (1, 0)


@with_and_without_quota
@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_pays_no_characters(
    path: Path, allowance: Allowance, *, stream: bool
) -> None:
    store, backend = SqliteStore(path), FakeBackend(gate=asyncio.Event())
    async with serving(store, allowance=allowance, backend=backend) as client:
        sending = asyncio.create_task(send(client, 60, stream=stream))
        await until(lambda: backend.num_running == 1)
        sending.cancel()
        await until(lambda: bool(backend.aborted))
        await until(lambda: store.usage("limited", MONTH) == Used(1, 0))


async def test_a_client_that_leaves_while_it_is_charged_pays_no_characters(path: Path) -> None:
    async with serving(SqliteStore(path), allowance=QUOTA) as client:
        num_gone = num_clients_gone()
        with locked(path):
            with pytest.raises(httpx.ReadTimeout):
                await client.post(
                    "/v1/translate",
                    json={"text": "x" * 60, "source_lang": "en", "target_lang": "de"},
                    timeout=0.2,
                )
            await until(lambda: num_clients_gone() > num_gone)
        assert await answered(client, 100) == [True]
        assert (await used(client))[1] == 100


async def test_a_request_that_is_prepared_but_never_run_costs_no_characters() -> None:
    backend = FakeBackend()
    access = AccessControl(NO_KEYS, SqliteStore(None), clock=Clock())
    registry = ModelRegistry(backend.models)
    tasks = TaskService(
        backend,
        Settings(),
        registry=registry,
        detector=Detector(lambda: registry.languages),
        access=access,
    )
    prepared = await tasks.prepare_translation(make_request("x" * 60), ANYBODY)
    assert (await access.report(ANYBODY)).used == Used(1, 60)
    with tasks.hold(prepared):
        pass
    assert (await access.report(ANYBODY)).used == Used(1, 0)
    await access.close()


async def test_a_refund_goes_to_the_month_of_the_request(path: Path) -> None:
    clock, store = Clock(), SqliteStore(path)
    backend = full()
    backend.gate = asyncio.Event()
    async with serving(store, clock, allowance=QUOTA, backend=backend) as client:
        sending = asyncio.create_task(send(client, 60))
        await until(lambda: backend.num_running == 1)
        assert store.usage("limited", MONTH) == Used(1, 60)
        clock.now += 3 * DAY_S
        backend.gate.set()
        assert (await sending).status_code == 503
        assert await used(client) == (0, 0)
        assert store.usage("limited", MONTH) == Used(1, 0)


async def test_a_refund_that_fails_hides_no_error_and_is_made_later(path: Path) -> None:
    store = SqliteStore(path, busy_timeout_s=0.01)
    backend = full()
    backend.gate = asyncio.Event()
    async with serving(store, allowance=QUOTA, backend=backend) as client:
        sending = asyncio.create_task(send(client, 60))
        await until(lambda: backend.num_running == 1)
        with locked(path):
            backend.gate.set()
            assert (await sending).json()["code"] == "queue_full"
        await until(lambda: store.usage("limited", MONTH) == Used(1, 0))


# -- a store that fails


async def test_a_store_that_fails_stops_only_clients_with_limits(
    capfd: pytest.CaptureFixture[str],
) -> None:
    configure_logging(level="warning", fmt="json")
    with redis_running() as server:
        store = RedisStore(server.url)
        async with serving(store, allowance=Allowance(requests_per_minute=100)) as client:
            assert await answered(client, 5) == [True]
            server.kill()
            for _ in range(3):
                assert await answered(client, 7, 8, key="free") == [True, True]
                refused = await send(client, 5)
                assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
                assert refused.headers["retry-after"] == "1"
                assert "127.0.0.1" not in refused.text
            usage = await client.get("/v1/usage")
            assert (usage.status_code, usage.json()["code"]) == (503, "store_unavailable")
            with redis_running(server.port) as again:
                with again.client() as redis_client:
                    await until(lambda: redis_client.dbsize() > 0)
                assert await used(client, "free") == (6, 45)
    logged = capfd.readouterr().err
    assert logged.count("state store failed") == 1
    assert f"{server.address} cannot be reached" in logged
    assert PASSWORD not in logged


async def test_a_store_that_hangs_is_not_waited_for_by_each_request() -> None:
    with redis_running() as server:
        store = RedisStore(server.url)
        async with serving(store, allowance=Allowance(requests_per_minute=100)) as client:
            with server.hanging():
                async with asyncio.timeout(20):  # 40 requests wait for 1 s, or for nothing
                    answers = await asyncio.gather(
                        *(send(client, 5) for _ in range(40)),
                        *(send(client, 5, "free") for _ in range(10)),
                    )
            assert [answer.status_code for answer in answers] == [503] * 40 + [200] * 10


async def test_usage_that_cannot_be_written_at_the_end_is_no_failure_of_the_stop(
    capfd: pytest.CaptureFixture[str],
) -> None:
    configure_logging(level="warning", fmt="json")
    with redis_running() as server:
        async with serving(RedisStore(server.url)) as client:
            assert await answered(client, 5) == [True]
            server.kill()
    assert "usage of the last seconds is lost" in capfd.readouterr().err


async def test_after_its_end_a_charge_is_refused_and_a_refund_is_harmless() -> None:
    keys = limited_keys({"limited": QUOTA})
    access = AccessControl(keys, SqliteStore(None), clock=Clock())
    client = access.authorize("limited")
    charge = await access.charge(client, num_characters=60)
    await access.close()
    await access.close()
    access.refund(charge)
    with pytest.raises(StoreError):
        await access.charge(client, num_characters=1)
