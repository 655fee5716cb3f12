import importlib

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from service.cluster.environment import ray_environment
from service.cluster.header_filter import HeaderFilter, middlewares


def echo(request: Request) -> JSONResponse:
    """Answer as the API does, with an id of its own; the body has the request's headers."""
    return JSONResponse(dict(request.headers), headers={"X-Request-Id": "of-the-api"})


async def greet(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


class RayAddsItsOwn:
    """Ray Serve's own application: it adds a request id to the response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", b"of-ray")]
            await send(message)

        await self._app(scope, receive, add)


def client() -> TestClient:
    app: ASGIApp = RayAddsItsOwn(
        Starlette(routes=[Route("/", echo), WebSocketRoute("/socket", greet)])
    )
    for middleware in middlewares():
        app = middleware.cls(app, *middleware.args, **middleware.kwargs)
    return TestClient(app)


def test_an_answer_has_one_request_id_and_it_is_the_api_s() -> None:
    assert client().get("/").headers.get_list("x-request-id") == ["of-the-api"]


def test_a_client_cannot_lift_ray_s_time_limits_or_its_cancellation() -> None:
    sent = {
        "X-Request-Timeout-Seconds": "0",
        "X-Request-Disconnect-Disabled": "?1",
        "X-Request-Id": "mine",
    }
    received = client().get("/", headers=sent).json()
    assert received["x-request-id"] == "mine"
    assert not received.keys() & {"x-request-timeout-seconds", "x-request-disconnect-disabled"}


async def test_a_header_that_ray_would_fail_to_read_is_left_out() -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope)

    async def receive() -> Message:
        raise AssertionError("nothing is received")

    async def send(_message: Message) -> None:
        raise AssertionError("nothing is sent")

    plain = (b"x-plain", "\u00fc".encode())
    scope = {"type": "http", "headers": [(b"x-request-id", b"\xfc"), plain]}
    await HeaderFilter(app)(scope, receive, send)
    assert seen[0]["headers"] == [plain]


def test_ray_is_told_where_the_filter_is() -> None:
    variable = "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"
    module, _, function = ray_environment()[variable].partition(":")
    found = getattr(importlib.import_module(module), function)()
    assert [middleware.cls for middleware in found] == [HeaderFilter]


def test_what_is_not_http_passes_unchanged() -> None:
    with client().websocket_connect("/socket") as socket:
        assert socket.receive_text() == "hello"
