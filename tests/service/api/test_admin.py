"""`POST /admin/models`, over real sockets and real engines: no request fails for a change."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from service.api.create import create_api
from service.catalogue.catalogue import ModelEntry
from service.catalogue.fleet import Fleet
from service.hosting.follower import Follower
from service.hosting.local_backend import LocalBackend
from service.settings import Settings
from tests.support.checkpoints.tiny_models import (
    SUMMARIZER,
    TRANSLATOR,
    tiny_entry,
    write_tiny_models,
)
from tests.support.service.clients import client_of, server_running, sse_events
from tests.support.service.running import value_of

KEY = "an-admin-key-of-some-length"
RUNNING = f'dragoman_requests_running{{model="{TRANSLATOR}"}}'
HEADERS = {"authorization": f"Bearer {KEY}"}
SETTINGS = Settings(
    num_threads=1,
    dtype="float32",
    device="cpu",
    admin_key=SecretStr(KEY),
    max_segments_in_flight=2,  # so that a text of many sentences takes many turns
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_tiny_models(tmp_path_factory.mktemp("models"))


@contextmanager
def backend_of(*entries: ModelEntry) -> Iterator[LocalBackend]:
    backend = LocalBackend(entries, SETTINGS)
    try:
        yield backend
    finally:
        backend.close()


@asynccontextmanager
async def replica_of(fleet: Fleet, *entries: ModelEntry) -> AsyncIterator[httpx.AsyncClient]:
    """A replica on a socket of its own."""
    with backend_of(*entries) as backend:
        follower = Follower(backend, fleet)
        app = create_api(backend, SETTINGS, fleet=fleet, while_serving=follower.following())
        async with server_running(app) as client:
            yield client


async def change(client: httpx.AsyncClient, action: str, **fields: Any) -> httpx.Response:
    body = {"action": action, **fields}
    return await client.post("/admin/models", json=body, headers=HEADERS)


def as_json(entry: ModelEntry) -> dict[str, Any]:
    """Return an operator's body for an entry."""
    return entry.model_dump(mode="json", exclude_unset=True)


class Traffic:
    """Clients that ask again and again, one answer in three as a stream."""

    def __init__(self, *clients: httpx.AsyncClient) -> None:
        self._clients = clients
        self._tasks: list[asyncio.Task[None]] = []
        self.outcomes: Counter[str] = Counter()

    async def __aenter__(self) -> "Traffic":
        self._tasks = [
            asyncio.create_task(self._ask(client, number))
            for client in self._clients
            for number in range(3)
        ]
        await self.more()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.more()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def more(self) -> None:
        """Return when ten more requests were answered."""
        wanted = self.outcomes.total() + 10
        async with asyncio.timeout(60):
            while self.outcomes.total() < wanted:
                assert not any(task.done() for task in self._tasks)
                await asyncio.sleep(0.005)

    async def _ask(self, client: httpx.AsyncClient, number: int) -> None:
        body = {
            "text": "The fox. " * (number + 1),
            "source_lang": "en",
            "target_lang": "de",
            "stream": number == 2,
            "num_beams": 1 + number % 2,
        }
        while True:
            response = await client.post("/v1/translate", json=body)
            outcome = str(response.status_code)
            if number == 2 and outcome == "200":
                outcome = sse_events(response.text)[-1][0]
            self.outcomes[outcome] += 1


async def test_no_request_fails_while_models_are_loaded_swapped_and_unloaded_on_two_replicas(
    folders: dict[str, Path],
) -> None:
    entry, extra = tiny_entry(folders), tiny_entry(folders, name="extra", warm_up=True)
    fleet = Fleet([entry])
    async with (
        replica_of(fleet, entry) as one,
        replica_of(fleet, entry) as two,
        Traffic(one, two) as traffic,
    ):
        for action, fields in (
            ("load", {"model": as_json(extra)}),
            ("swap", {"model": as_json(entry)}),
            ("unload", {"name": TRANSLATOR}),  # "extra" takes over
            ("load", {"model": as_json(entry)}),
            ("unload", {"name": "extra"}),
        ):
            response = await change(one, action, **fields)
            assert response.status_code == 200, response.text
            served = [(await c.get("/v1/models")).json()["models"] for c in (one, two)]
            assert served[0] == served[1]
            assert all(model["state"] == "loaded" for model in served[0])
            found = [m for m in served[0] if m["name"] == response.json()["name"]]
            assert response.json()["model"] == (None if action == "unload" else found[0])
            await traffic.more()
    assert set(traffic.outcomes) == {"200", "done"}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_of_many_segments_outlives_the_unloading_of_its_model(
    folders: dict[str, Path], *, stream: bool
) -> None:
    entry = tiny_entry(folders)
    body = {"text": "The fox. " * 1_000, "source_lang": "en", "target_lang": "de", "stream": stream}
    async with replica_of(Fleet([entry]), entry) as client:
        asking = asyncio.create_task(client.post("/v1/translate", json=body))
        async with asyncio.timeout(20):
            while value_of((await client.get("/metrics")).text, RUNNING) == 0:
                assert not asking.done()
            unloading = asyncio.create_task(change(client, "unload", name=TRANSLATOR))
            while (await client.get("/v1/models")).json()["models"]:
                assert not asking.done()
        refused = await client.post("/v1/translate", json=body | {"model": TRANSLATOR})
        assert (refused.status_code, refused.json()["code"]) == (404, "model_not_found")
        first, _ = await asyncio.wait({asking, unloading}, return_when=asyncio.FIRST_COMPLETED)
        assert asking in first
        answer = await asking
        assert answer.status_code == 200
        if stream:
            assert sse_events(answer.text)[-1][0] == "done"
        assert (await unloading).status_code == 200


async def test_a_replica_that_starts_after_a_change_serves_what_the_others_do(
    folders: dict[str, Path],
) -> None:
    entry = tiny_entry(folders)
    fleet = Fleet([entry])
    async with replica_of(fleet, entry) as one:
        await change(one, "load", model=as_json(tiny_entry(folders, SUMMARIZER)))
        async with replica_of(fleet, entry) as late:
            models = (await late.get("/v1/models")).json()["models"]
            assert [model["name"] for model in models] == [TRANSLATOR, SUMMARIZER]


async def test_a_new_model_can_be_lazy_and_is_loaded_by_its_first_request(
    folders: dict[str, Path],
) -> None:
    entry, lazy = tiny_entry(folders), tiny_entry(folders, SUMMARIZER, load="lazy")
    async with replica_of(Fleet([entry]), entry) as client:
        response = await change(client, "load", model=as_json(lazy))
        assert response.json()["model"]["state"] == "not_loaded"
        answer = await client.post("/v1/summarize", json={"text": "The fox."})
        assert answer.status_code == 200
        models = (await client.get("/v1/models")).json()["models"]
        assert models[1]["state"] == "loaded"


async def test_a_model_that_does_not_load_leaves_what_is_served_and_says_why(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    entry = tiny_entry(folders)
    async with replica_of(Fleet([entry]), entry) as client, Traffic(client) as traffic:
        before = (await client.get("/v1/models")).json()
        broken = as_json(entry) | {"path": str(tmp_path)}
        response = await change(client, "swap", model=broken)
        assert (response.status_code, response.json()["code"]) == (422, "change_failed")
        assert "nothing was changed" in response.json()["error"]
        assert f"model '{TRANSLATOR}'" in response.json()["error"]
        assert (await client.get("/v1/models")).json() == before
    assert set(traffic.outcomes) == {"200", "done"}


async def test_changes_that_fit_nothing_are_refused(folders: dict[str, Path]) -> None:
    entry = tiny_entry(folders)
    other = as_json(tiny_entry(folders, SUMMARIZER))
    async with replica_of(Fleet([entry]), entry) as client:
        taken = await change(client, "load", model=as_json(entry))
        unknown = await change(client, "swap", model=other)
        gone = await change(client, "unload", name="nobody")
    assert (taken.status_code, taken.json()["code"]) == (409, "change_conflict")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "model_not_found")
    assert gone.status_code == 404


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"action": "drop"}, "action: Input should be 'load', 'swap' or 'unload'"),
        ({"action": "unload"}, "to unload a model takes its `name` and nothing else"),
        ({"action": "load", "name": "a"}, "to load a model takes a `model` as in the catalogue"),
        ({"action": "load", "model": {"name": "a", "path": "/x"}}, "has no task"),
        ([], "the body: this is no mapping"),
    ],
    ids=["action", "unload", "load", "model", "list"],
)
async def test_a_body_that_asks_for_no_change_is_one_sentence(
    folders: dict[str, Path], body: Any, sentence: str
) -> None:
    entry = tiny_entry(folders)
    async with replica_of(Fleet([entry]), entry) as client:
        response = await client.post("/admin/models", json=body, headers=HEADERS)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_field")
    assert sentence in response.json()["error"]


def test_without_a_key_of_the_operator_s_there_is_no_such_route() -> None:
    response = client_of().post("/admin/models", json={}, headers=HEADERS)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": KEY},
        {"authorization": f"Basic {KEY}"},
        {"authorization": f"Bearer {KEY}x"},
        {"authorization": f"Bearer {KEY[:-1]}"},
    ],
    ids=["none", "empty", "bare", "basic", "longer", "shorter"],
)
async def test_only_the_right_key_opens_it_and_no_log_holds_it(
    folders: dict[str, Path], headers: dict[str, str]
) -> None:
    entry = tiny_entry(folders)
    with capture_logs() as logs:
        async with replica_of(Fleet([entry]), entry) as client:
            response = await client.post("/admin/models", content=b"{", headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")
    assert response.headers["www-authenticate"] == "Bearer"
    assert KEY not in json.dumps(logs, default=str)
    assert KEY not in repr(SETTINGS)


async def test_a_change_is_made_whole_even_if_its_client_leaves(folders: dict[str, Path]) -> None:
    entry, extra = tiny_entry(folders), tiny_entry(folders, name="extra")
    async with replica_of(Fleet([entry]), entry) as client:
        asking = asyncio.create_task(change(client, "load", model=as_json(extra)))
        async with asyncio.timeout(20):
            while len((await client.get("/v1/models")).json()["models"]) == 1:
                assert not asking.done()
            asking.cancel()
            while (await client.get("/v1/models")).json()["models"][-1]["state"] != "loaded":
                pass
            body = {"text": "The fox.", "source_lang": "en", "target_lang": "de", "model": "extra"}
            while (await client.post("/v1/translate", json=body)).status_code != 200:
                pass
