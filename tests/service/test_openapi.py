"""Requests that a generator makes of the OpenAPI document: no answer is a fault of the service."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.api.create import create_api
from service.settings import Settings
from tests.support.service.clients import server_running
from tests.support.service.fakes import SUMMARIZER, TRANSLATOR, FakeBackend

CHECKS: list[CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
CASES_A_ROUTE = 60
ANSWERED_WITHIN_S = 60.0


def make_api() -> FastAPI:
    return create_api(FakeBackend(served=(TRANSLATOR, SUMMARIZER)), Settings())


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of a server on a socket."""
    loop, stopped = asyncio.new_event_loop(), asyncio.Event()
    urls: list[str] = []
    is_running = threading.Event()

    async def serve() -> None:
        async with server_running(make_api()) as client:
            urls.append(str(client.base_url).rstrip("/"))
            is_running.set()
            await stopped.wait()

    server = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    server.start()
    assert is_running.wait(ANSWERED_WITHIN_S)
    yield urls[0]
    loop.call_soon_threadsafe(stopped.set)
    server.join()
    loop.close()


schema = schemathesis.openapi.from_dict(make_api().openapi())


@schema.parametrize()
@settings(
    max_examples=CASES_A_ROUTE,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
def test_generated_requests_get_an_answer_that_is_documented(
    case: schemathesis.Case[Any], url: str
) -> None:
    response = case.call(base_url=url, timeout=ANSWERED_WITHIN_S)
    case.validate_response(response, checks=CHECKS)
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        problem = json.loads(response.content)
        assert isinstance(problem.get("error", problem.get("message")), str)
