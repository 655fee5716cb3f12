"""Pure ASGI that looks at a request's head: how large it is, and which host it asks."""

from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from service.wire.refusals import HeadTooLargeError, HostNotAllowedError

MAX_HEADERS = 100
MAX_HEAD_BYTES = 32_768

ANY_HOST = "*"


class HeadLimits:
    """Refuses a head of too many or too long headers, and one for another host.

    A web page can have its own name point to this machine (DNS rebinding), and then read what the
    service answers; the browser still sends the page's name as the host. A request without a host
    comes from no browser, and is answered.
    """

    def __init__(self, app: ASGIApp, *, allowed_hosts: Collection[str] | None) -> None:
        """Take the names of the hosts, without ports; None, or `ANY_HOST`, stands for all."""
        self.app = app
        self.allowed_hosts = frozenset((ANY_HOST,) if allowed_hosts is None else allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._check_size(scope)
            self._check_host(scope)
        await self.app(scope, receive, send)

    def _check_size(self, scope: Scope) -> None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        num_bytes = len(scope["path"]) + len(scope.get("query_string", b""))
        num_bytes += sum(len(name) + len(value) for name, value in headers)
        if len(headers) > MAX_HEADERS or num_bytes > MAX_HEAD_BYTES:
            raise HeadTooLargeError(
                num_headers=len(headers),
                num_bytes=num_bytes,
                limits=(MAX_HEADERS, MAX_HEAD_BYTES),
            )

    def _check_host(self, scope: Scope) -> None:
        if ANY_HOST in self.allowed_hosts:
            return
        for name, value in scope["headers"]:
            host = value.decode("latin-1")
            if name == b"host" and _without_port(host) not in self.allowed_hosts:
                raise HostNotAllowedError(host)


def _without_port(host: str) -> str:
    """Return the name of a Host header in lower case; an IPv6 address keeps its brackets."""
    name, colon, port = host.rpartition(":")
    return (name if colon and "]" not in port else host).lower().rstrip(".")
