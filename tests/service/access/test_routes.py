"""Every route, of whatever client API, asks for a key, and none has the others wait for that."""

import asyncio
import re
import threading
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from pydantic import SecretStr
from starlette.routing import BaseRoute
from starlette.testclient import TestClient

from service.access.clients import ANYBODY, Client
from service.access.control import AccessControl
from service.api.create import create_api
from service.catalogue.fleet import Fleet
from service.settings import Settings
from service.storage.sqlite_store import SqliteStore
from tests.support.service.clients import server_running
from tests.support.service.fakes import SUMMARIZER, TRANSLATOR, FakeBackend
from tests.support.service.keys import bearing

# What tells nothing about texts or clients, and what is switched off for everybody.
NEED_NO_KEY = {
    *("GET /", "GET /docs", "GET /openapi.json", "HEAD /openapi.json"),
    *("GET /health", "HEAD /health", "GET /ready", "HEAD /ready", "GET /info"),
    *("GET /languages", "POST /languages", "GET /frontend/settings", "GET /spec"),
    *("POST /suggest", "POST /translate_file", "GET /download_file/{name}"),
    *("GET /v2", "GET /v2/health/live", "GET /v2/health/ready"),
}
TRANSLATIONS: dict[str, Any] = {
    "/v1/translate": {"text": "Hello", "source_lang": "en", "target_lang": "de"},
    "/v2/translate": {"text": "Hello", "source_lang": "EN", "target_lang": "DE"},
    "/translate": {"q": "Hello", "source": "en", "target": "de"},
    "/nllb/translate": {"source": "Hello", "src_lang": "en", "tgt_lang": "de"},
    "/nllb/translator": {"text": "Hello", "source": "en", "target": "de"},
    "/hf/translation": {"inputs": "Hello", "parameters": {"src_lang": "en", "tgt_lang": "de"}},
}


def closed_app() -> FastAPI:
    """Return an application with every route, which needs a key."""
    backend = FakeBackend(served=(TRANSLATOR, SUMMARIZER))
    settings = Settings(
        api_keys=SecretStr("0123456789abcdef"), admin_key=SecretStr("fedcba9876543210")
    )
    return create_api(backend, settings, fleet=Fleet([]))


def routes_of(routes: list[BaseRoute]) -> set[tuple[str, str]]:
    """Return method and path of every route but the files of the documentation."""
    return {
        (method, route.path)
        for route in iter_route_contexts(routes)
        for method in route.methods or ()
        if route.path is not None
    }


def test_every_route_but_those_of_a_short_list_needs_a_key() -> None:
    app = closed_app()
    client = TestClient(app)
    found = routes_of(app.routes)
    assert {"/v1/translate", "/admin/models", "/metrics", "/v3/glossaries"} <= {p for _, p in found}
    answered: set[str] = set()
    for method, path in found:
        response = client.request(method, re.sub(r"\{\w+(:path)?\}", "x", path))
        refused = response.status_code in {401, 403} and response.json()["code"] == "unauthorized"
        if not refused and response.status_code != 405:
            answered.add(f"{method} {path}")
    assert answered == NEED_NO_KEY


class WaitingKeys:
    """A `KeyRing` that answers when it is let; every key is valid."""

    is_open = False
    may_block = True

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.let = threading.Event()

    def client_of(self, key: str) -> Client | None:  # noqa: ARG002 - of the protocol
        self.asked.set()
        return ANYBODY if self.let.wait(10) else None


@pytest.mark.parametrize("path", TRANSLATIONS)
async def test_others_are_answered_while_a_key_is_looked_up(path: str) -> None:
    keys = WaitingKeys()
    access = AccessControl(keys, SqliteStore(None))
    async with server_running(create_api(FakeBackend(), Settings(), access=access)) as client:
        asking = asyncio.create_task(
            client.post(path, json=TRANSLATIONS[path], headers=bearing("any"))
        )
        assert await asyncio.to_thread(keys.asked.wait, 10)
        assert (await client.get("/health")).status_code == 200
        keys.let.set()
        assert (await asking).status_code == 200
