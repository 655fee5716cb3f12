"""ASGI middleware around Ray Serve's own HTTP application; it filters headers in both directions.

`RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH=service.cluster.header_filter:middlewares` installs it,
in Ray's proxy and, behind HAProxy, in each replica.
"""

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# With these a client could switch off Ray's time limits and its cancellation on disconnect.
NOT_FOR_CLIENTS = frozenset({b"x-request-timeout-seconds", b"x-request-disconnect-disabled"})


def middlewares() -> list[Middleware]:
    """Return the middlewares that Ray Serve puts around its HTTP application."""
    return [Middleware(HeaderFilter)]


class HeaderFilter:
    """Middleware that drops headers which Ray Serve must not see, or must not add.

    Of a request: `NOT_FOR_CLIENTS`, and every header whose value is not UTF-8, as Ray fails to
    decode it. Of a response: the second `X-Request-Id`. The first is the API's, the same as in its
    log lines; the second is Ray's copy of the client's.
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
                request_id = headers.get("x-request-id")
                if request_id is not None:
                    headers["x-request-id"] = request_id  # sets the first, drops the others
            await send(message)

        allowed = [header for header in scope["headers"] if _is_allowed(*header)]
        await self._app({**scope, "headers": allowed}, receive, send_once)


def _is_allowed(name: bytes, value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return name not in NOT_FOR_CLIENTS
