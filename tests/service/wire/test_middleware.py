"""The middleware around every route: ids, times, and the end of work whose client has left."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from service.api.create import create_api
from service.settings import Settings
from service.wire.middleware import CancelOnDisconnect, ErrorAnswer, RequestContext
from tests.support.service.clients import Json, client_of, server_of, sse_events
from tests.support.service.fakes import FakeBackend

BODY: Json = {"text": "Good morning to you.", "target_lang": "de", "source_lang": "en"}


async def until(condition: Callable[[], bool]) -> None:
    """Wait until another task makes the condition true; the test's own timeout ends a vain wait."""
    while not condition():  # noqa: ASYNC110 - the fake knows no events
        await asyncio.sleep(0.002)


def test_a_client_s_request_id_comes_back_and_reaches_the_engine() -> None:
    backend = FakeBackend()
    headers = {"x-request-id": "order-66/a"}
    response = client_of(backend).post("/v1/translate", json=BODY, headers=headers)
    assert response.headers["x-request-id"] == "order-66/a"
    assert backend.requests[0].request_id == "order-66/a"


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, 'a"b', "a\tb"])
def test_an_id_unfit_for_a_log_line_is_replaced(given: str) -> None:
    response = client_of().get("/health", headers={"x-request-id": given})
    assert len(response.headers["x-request-id"]) == 32


def test_the_access_log_has_the_route_but_not_the_text() -> None:
    client = client_of()
    with capture_logs() as lines:
        client.post("/v1/translate?key=secret", json=BODY)
    (line,) = [line for line in lines if line["event"] == "request finished"]
    assert (line["method"], line["route"], line["status"]) == ("POST", "/v1/translate", 200)
    assert "secret" not in str(line)
    assert "morning" not in str(line)


def test_a_fault_is_logged_with_its_exception() -> None:
    client = client_of(FakeBackend(error=RuntimeError("broken")))
    with capture_logs() as lines:
        client.post("/v1/translate", json=BODY)
    (line,) = [line for line in lines if line["log_level"] == "error"]
    assert repr(line["exc_info"]) == "RuntimeError('broken')"


async def test_a_client_that_leaves_ends_its_request() -> None:
    backend = FakeBackend(gate=asyncio.Event())
    async with server_of(backend) as client:
        request = asyncio.create_task(client.post("/v1/translate", json=BODY))
        await until(lambda: backend.num_running == 1)
        request.cancel()
        await until(lambda: backend.num_running == 0)
        assert len(backend.aborted) == 1


async def test_a_client_that_leaves_ends_every_segment_of_its_request() -> None:
    backend = FakeBackend(gate=asyncio.Event())
    body = {**BODY, "text": [f"Item number {i} is here." for i in range(20)]}
    async with server_of(backend, max_segments_in_flight=5) as client:
        request = asyncio.create_task(client.post("/v1/translate", json=body))
        await until(lambda: backend.num_running == 5)
        request.cancel()
        await until(lambda: backend.num_running == 0)
    assert len(backend.aborted) == 5
    assert len(backend.requests) == 5


async def test_a_client_that_leaves_a_stream_ends_it() -> None:
    backend = FakeBackend(hang_after=1)
    body = {**BODY, "stream": True}
    async with server_of(backend) as client:
        async with client.stream("POST", "/v1/translate", json=body) as response:
            assert response.status_code == 200
            async for line in response.aiter_lines():
                if line.startswith("data"):
                    break
        await until(lambda: backend.num_running == 0)
    assert len(backend.aborted) == 1


async def test_a_request_whose_client_left_is_logged_as_such() -> None:
    backend = FakeBackend(gate=asyncio.Event())
    with capture_logs() as lines:
        async with server_of(backend) as client:
            request = asyncio.create_task(client.post("/v1/translate", json=BODY))
            await until(lambda: backend.num_running == 1)
            request.cancel()
            await until(lambda: any(line.get("status") == 499 for line in lines))


async def test_a_connection_serves_one_request_after_another() -> None:
    async with server_of(FakeBackend()) as client:
        for i in range(5):
            text = f"Good morning number {i}."
            response = await client.post("/v1/translate", json={**BODY, "text": text})
            assert response.json()["translations"][0]["text"] == text.upper()


async def test_fifty_clients_at_once_get_what_they_get_one_after_another() -> None:
    bodies = [
        {**BODY, "text": [f"Client {i} is here. It waits."] * (i % 4 + 1), "stream": i % 5 == 0}
        for i in range(50)
    ]

    async def ask(client: httpx.AsyncClient, body: Json) -> Json:
        response = await client.post("/v1/translate", json=body)
        assert response.status_code == 200
        answer: Json = sse_events(response.text)[-1][1] if body["stream"] else response.json()
        return answer

    async with server_of(FakeBackend(pause_s=0.001)) as client:
        in_turn = [await ask(client, body) for body in bodies]
        at_once = await asyncio.gather(*(ask(client, body) for body in bodies))
    assert list(at_once) == in_turn


async def test_a_server_that_cancels_a_request_ends_its_work_too() -> None:
    backend = FakeBackend(gate=asyncio.Event())
    transport = httpx.ASGITransport(create_api(backend, Settings()))
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        request = asyncio.create_task(client.post("/v1/translate", json=BODY))
        await until(lambda: backend.num_running == 1)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
    assert (backend.num_running, len(backend.aborted)) == (0, 1)


async def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one() -> None:
    async def break_off(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("broken")

    def answer(error: Exception, scope: Scope) -> ErrorAnswer:  # noqa: ARG001
        return ErrorAnswer(HTTPStatus.INTERNAL_SERVER_ERROR, {}, b"{}")

    app = RequestContext(break_off, observe=lambda *_: None, answer_to=answer)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        with pytest.raises(RuntimeError, match="broken"):
            await client.get("/")


async def test_a_client_that_leaves_after_the_last_byte_cancels_nothing() -> None:
    """The rest of a handler's work, such as counting, is done to its end."""
    answered, left = asyncio.Event(), asyncio.Event()
    is_done = False

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        nonlocal is_done
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"all", "more_body": False})
        answered.set()
        await left.wait()
        await asyncio.sleep(0.01)  # long enough to be cancelled in
        is_done = True

    messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        for message in messages:
            return message
        await answered.wait()
        left.set()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None: ...

    await CancelOnDisconnect(app)({"type": "http"}, receive, send)
    assert is_done
