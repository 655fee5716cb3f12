"""Pure ASGI that bounds a body: its bytes, the time in which it arrives, and its encoding."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.wire.refusals import BodyEncodingError, BodyTimeoutError, BodyTooLargeError

_UNCOMPRESSED = frozenset({"", "identity"})


class BodyLimits:
    """Refuses a body beyond the limits.

    One that is too large is refused by its stated length at once, else while it is read; one that
    is too slow, when the time is up. The time begins with the end of the request's head.
    """

    def __init__(self, app: ASGIApp, *, max_body_bytes: int, body_timeout_s: float) -> None:
        self.app = app
        self.max_body_bytes = max_body_bytes
        self.body_timeout_s = body_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        stated = headers.get("content-length", "")
        if stated.isdecimal() and int(stated[:20]) > self.max_body_bytes:
            raise BodyTooLargeError(limit_bytes=self.max_body_bytes)
        encoding = headers.get("content-encoding", "").strip().lower()
        if encoding not in _UNCOMPRESSED:
            raise BodyEncodingError(encoding)
        deadline = asyncio.get_running_loop().time() + self.body_timeout_s
        num_bytes, is_whole = 0, False

        async def receive_limited() -> Message:
            nonlocal num_bytes, is_whole
            if is_whole:  # the next message says that the client has gone
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise BodyTimeoutError(limit_s=self.body_timeout_s) from None
            num_bytes += len(message.get("body", b""))
            if num_bytes > self.max_body_bytes:
                raise BodyTooLargeError(limit_bytes=self.max_body_bytes)
            is_whole = not message.get("more_body", False)
            return message

        await self.app(scope, receive_limited, send)
