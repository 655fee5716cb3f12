"""Clients for the HTTP API over a fake backend: in process, or over a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from service.api.create import create_api
from service.settings import Settings
from tests.support.service.fakes import FakeBackend

Json = dict[str, Any]


def client_of(backend: FakeBackend | None = None, **settings: Any) -> TestClient:
    """Return a client in this process; `settings` override the defaults."""
    return TestClient(create_api(backend or FakeBackend(), Settings(**settings)))


@asynccontextmanager
async def server_of(backend: FakeBackend, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a server on a socket."""
    async with server_running(create_api(backend, Settings(**settings))) as client:
        yield client


@asynccontextmanager
async def server_running(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a server of that application on a socket."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="on")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    limits = httpx.Limits(max_connections=200)
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", limits=limits, timeout=60
        ) as client:
            yield client
    finally:
        server.should_exit = True
        await running


def translate(client: TestClient, text: str | list[str], **fields: Any) -> Json:
    """Return the answer to a translation, from English to German unless `fields` override it."""
    body = {"text": text, "target_lang": "de", "source_lang": "en", **fields}
    response = client.post("/v1/translate", json=body)
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


def refusal(client: TestClient, path: str, body: Json) -> tuple[int, str, str]:
    """Return status, code and message of a rejected request."""
    response = client.post(path, json=body)
    problem = response.json()
    assert set(problem) == {"error", "message", "error_type", "code", "request_id"}
    assert problem["error"] == problem["message"]
    assert problem["request_id"] == response.headers["x-request-id"]
    return response.status_code, problem["code"], problem["error"]


def sse_events(text: str) -> list[tuple[str, Json]]:
    """Return name and object of each server-sent event, without comments."""
    blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    pairs = [block.split("\n", 1) for block in blocks]
    return [
        (name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
        for name, data in pairs
    ]
