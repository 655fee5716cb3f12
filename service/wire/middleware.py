"""Pure ASGI around every route: request id, access log, times, cancel on disconnect.

The order, outermost first: `RequestContext`, `HeadLimits` and `BodyLimits` of the modules beside
this one, `CancelOnDisconnect`, the application.
All of it works alike under uvicorn and inside a Ray Serve replica. The headers by which a client
could switch off Ray Serve's own timeout and cancellation (`x-request-timeout-seconds`,
`x-request-disconnect-disabled`) take effect before a request reaches this code:
`service.cluster.header_filter` strips them.
"""

import asyncio
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.tasks.records import Usage
from service.telemetry.log import get_logger

logger = get_logger(__name__)

REQUEST_ID = "dragoman.request_id"  # the key in the ASGI scope
CLIENT_CLOSED_REQUEST = 499  # as nginx and Ray Serve log it; no client receives it
UNKNOWN_ROUTE = "other"
_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_QUIET_ROUTES = frozenset({"/health", "/ready", "/metrics"})  # asked every few seconds

Observe = Callable[[str, int, float], None]  # route, status, duration in seconds


class ClientGoneError(Exception):
    """Raised when the client closed the connection before its answer was complete."""


def request_id_of(scope: Scope) -> str:
    """Return the id that `RequestContext` gave the request."""
    return str(scope[REQUEST_ID])


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """A whole HTTP response that tells an error, in the shape of the client's dialect."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    async def send(self, send: Send) -> None:
        """Send it as JSON."""
        headers = {
            "content-type": "application/json",
            "content-length": str(len(self.body)),
            **self.headers,
        }
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": raw})
        await send({"type": "http.response.body", "body": self.body})


AnswerTo = Callable[[Exception, Scope], ErrorAnswer]


class RequestContext:
    """Gives each request an id, times it, logs it, and answers errors that no handler caught."""

    def __init__(self, app: ASGIApp, *, observe: Observe, answer_to: AnswerTo) -> None:
        self.app = app
        self.observe = observe
        self.answer_to = answer_to

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope))
        scope[REQUEST_ID] = request_id
        exchange = _Exchange(send, request_id=request_id)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._run(scope, receive, exchange)
            finally:
                self._record(scope, exchange)

    async def _run(self, scope: Scope, receive: Receive, exchange: "_Exchange") -> None:
        try:
            await self.app(scope, receive, exchange.send)
        except ClientGoneError:
            exchange.status = CLIENT_CLOSED_REQUEST
        except asyncio.CancelledError:  # Ray Serve, or a server that stops, ends the request
            exchange.status = CLIENT_CLOSED_REQUEST
            raise
        except Exception as error:
            if exchange.has_started:
                raise  # the server cuts the connection: the client sees that something is missing
            await self.answer_to(error, scope).send(exchange.send)

    def _record(self, scope: Scope, exchange: "_Exchange") -> None:
        route = route_of(scope)
        duration_s = exchange.elapsed_s
        self.observe(route, exchange.status, duration_s)
        log = logger.debug if route in _QUIET_ROUTES else logger.info
        log(
            "request finished",
            method=scope["method"],
            route=route,
            status=exchange.status,
            duration_s=round(duration_s, 4),
        )


class CancelOnDisconnect:
    """Cancels a handler whose client has gone, so that its `finally` frees what it holds."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        connection = _Connection(receive, send)
        handler = asyncio.ensure_future(self.app(scope, connection.receive, connection.send))
        watcher = asyncio.ensure_future(connection.wait_for_disconnect())
        try:
            await asyncio.wait({handler, watcher}, return_when=asyncio.FIRST_COMPLETED)
            if not handler.done() and not connection.is_complete:
                handler.cancel()
            await asyncio.wait({handler})
        finally:
            handler.cancel()
            watcher.cancel()
            await asyncio.gather(handler, watcher, return_exceptions=True)
        if handler.cancelled():
            raise ClientGoneError
        handler.result()


class _Connection:
    """One request's connection: its body goes to the handler, later messages to the watcher."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._body_read = asyncio.Event()
        self._gone = asyncio.Event()
        self.is_complete = False

    async def receive(self) -> Message:
        if self._body_read.is_set():
            await self._gone.wait()
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._gone.set()
        if not message.get("more_body", False):
            self._body_read.set()
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.is_complete = True
        await self._send(message)

    async def wait_for_disconnect(self) -> None:
        await self._body_read.wait()
        while not self._gone.is_set():
            if (await self._receive())["type"] == "http.disconnect":
                self._gone.set()


class _Exchange:
    """Records status and times of one response, and adds headers to its start."""

    def __init__(self, send: Send, *, request_id: str) -> None:
        self._send = send
        self._begin_s = time.perf_counter()
        self.request_id = request_id
        self.status = int(HTTPStatus.INTERNAL_SERVER_ERROR)
        self.has_started = False

    @property
    def elapsed_s(self) -> float:
        return time.perf_counter() - self._begin_s

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_started = True
            self.status = int(message["status"])
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = self.request_id
            headers["x-content-type-options"] = "nosniff"
            if not headers.get("content-type", "").startswith(STREAMS):
                headers["x-total-time"] = milliseconds(self.elapsed_s)
        await self._send(message)


STREAMS = ("text/event-stream", "application/x-ndjson")


def milliseconds(seconds: float) -> str:
    """Return a header's value: milliseconds with one decimal."""
    return f"{seconds * 1_000:.1f}"


def time_headers(usage: Usage) -> dict[str, str]:
    """Return the headers that tell how long the slowest segment waited, and was computed."""
    return {
        "x-queue-time": milliseconds(usage.queue_s),
        "x-inference-time": milliseconds(usage.inference_s),
    }


def route_of(scope: Scope) -> str:
    """Return the route's template, so that labels are few; one name for paths without a route."""
    route: Any = scope.get("route")
    return str(getattr(route, "path", UNKNOWN_ROUTE))


def _request_id(headers: Headers) -> str:
    """Return the client's own id if it is safe in a log line, else a new one."""
    given = headers.get("x-request-id", "")
    return given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex
