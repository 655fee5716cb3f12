"""A service whose clients are counted and limited."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from service.access.clients import Allowance
from service.access.control import AccessControl
from service.api.create import create_api
from service.settings import Settings
from service.storage.store import StateStore
from tests.support.service.clients import server_running
from tests.support.service.fakes import FakeBackend
from tests.support.service.key_rings import limited_keys

NOVEMBER = 1_793_534_400.0 + 27 * 86_400 + 18.0  # 2026-11-28, some seconds after a full minute
MONTH = "2026-11"
NO_LIMITS = Allowance()


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = NOVEMBER

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def serving(
    store: StateStore,
    clock: Clock | None = None,
    *,
    allowance: Allowance = NO_LIMITS,
    backend: FakeBackend | None = None,
) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client whose key `limited` has that allowance; the key `free` has no limits."""
    keys = limited_keys({"limited": allowance, "free": NO_LIMITS})
    access = AccessControl(keys, store, clock=clock or Clock())
    app = create_api(backend or FakeBackend(), Settings(), access=access)
    async with server_running(app) as client:
        client.headers["authorization"] = "Bearer limited"
        yield client


async def send(
    client: httpx.AsyncClient, num_characters: int, key: str = "limited", **fields: Any
) -> httpx.Response:
    """Ask for the translation of a text of that length."""
    return await client.post(
        "/v1/translate",
        json={"text": "x" * num_characters, "source_lang": "en", "target_lang": "de", **fields},
        headers={"authorization": f"Bearer {key}"},
    )


async def answered(client: httpx.AsyncClient, *lengths: int, key: str = "limited") -> list[bool]:
    """Tell for each text in turn whether it was answered; the others were refused as too much."""
    statuses = [(await send(client, length, key)).status_code for length in lengths]
    assert set(statuses) <= {200, 429}, statuses
    return [status == 200 for status in statuses]


async def used(client: httpx.AsyncClient, key: str = "limited") -> tuple[int, int]:
    """Return the requests and the characters of this month."""
    answer = await client.get("/v1/usage", headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 200, answer.text
    return answer.json()["requests"], answer.json()["characters"]
