"""The outermost layer of HTTP in a replica: what Ray Serve itself reads of a request, and adds.

`RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH=service.cluster.edge:middlewares` puts it there.
"""

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Ray lets a client lift its time limits, or have it work on for nobody, by these.
NOT_FOR_CLIENTS = frozenset({b"x-request-timeout-seconds", b"x-request-disconnect-disabled"})


def middlewares() -> list[Middleware]:
    """What Ray Serve wraps its own HTTP application in."""
    return [Middleware(Edge)]


class Edge:
    """Drops the headers that are not for clients, and the second `X-Request-Id` of an answer.

    Those that are not UTF-8 go too: Ray fails when it reads one of its own (`X-Request-Id`).
    The API has put one there, the same as in its log lines; Ray adds what the client sent.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_once(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "x-request-id" in headers:
                    headers["x-request-id"] = headers[
                        "x-request-id"
                    ]  # sets the first, drops others
            await send(message)

        allowed = [header for header in scope["headers"] if _is_allowed(*header)]
        await self._app({**scope, "headers": allowed}, receive, send_once)


def _is_allowed(name: bytes, value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return name not in NOT_FOR_CLIENTS
