"""Send an answer piece by piece: server-sent events, or one JSON object a line.

The work runs in its own task and puts its pieces in a queue; what is in the queue is sent together.
Closing the stream early cancels the work.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel
from pydantic_core import from_json
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.tasks.condensing import Report
from service.tasks.items import Emit, Kind

Name = Literal["token", "segment", "progress", "done", "error", "ping"]
SSE = "text/event-stream"
NDJSON = "application/x-ndjson"

Work = Callable[[Emit, Report], Awaitable[BaseModel]]
ErrorObject = Callable[[Exception], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event: its name, and the fields of its JSON object."""

    name: Name
    fields: Mapping[str, Any]


# Made once: `json.dumps` with options makes an encoder at every call.
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

PING = StreamEvent("ping", {})  # sent in silence, so that proxies keep the connection


async def stream_events(
    work: Work, *, error_object: ErrorObject, ping_interval_s: float
) -> AsyncGenerator[list[StreamEvent], None]:
    """Yield the events of `work` in lists, none empty, at least one list each interval.

    The last event is `done` with the whole response, or `error`. An error before anything else was
    sent is raised instead: it can still have its own status.
    """
    queue: asyncio.Queue[StreamEvent | Exception | None] = asyncio.Queue()
    worker = asyncio.ensure_future(_run(work, queue))
    has_begun = False
    try:
        while True:
            events: list[StreamEvent] = []
            for entry in await _next_entries(queue, ping_interval_s):
                if isinstance(entry, Exception):
                    if not has_begun and not events:
                        raise entry
                    events.append(StreamEvent("error", error_object(entry)))
                elif entry is None:
                    yield events
                    return
                else:
                    events.append(entry)
            has_begun = True
            yield events
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


class EventStream(Response):
    """A response that sends `events` as they come, and closes them whatever happens."""

    def __init__(self, events: AsyncGenerator[list[StreamEvent], None], *, media_type: str) -> None:
        super().__init__(
            media_type=media_type,
            headers={"x-accel-buffering": "no", "cache-control": "no-cache"},
        )
        del self.headers["content-length"]
        self._events = events
        self._encode = _as_sse if media_type == SSE else _as_ndjson

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        async with aclosing(self._events) as events:
            first = await anext(events)  # an error here still gets its own status
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            await self._send(first, send)
            async for more in events:
                await self._send(more, send)
        await send({"type": "http.response.body", "body": b""})

    async def _send(self, events: list[StreamEvent], send: Send) -> None:
        body = "".join(map(self._encode, events)).encode()
        await send({"type": "http.response.body", "body": body, "more_body": True})


def wanted_format(headers: Headers, *, asked: bool) -> str | None:
    """Return the media type of the stream that a request asks for; None if it asks for none."""
    accept = headers.get("accept", "")
    if NDJSON in accept:
        return NDJSON
    return SSE if asked or SSE in accept else None


async def _run(work: Work, queue: asyncio.Queue[StreamEvent | Exception | None]) -> None:
    """Do the work; put its pieces, its result or its error, and then None into the queue."""

    def emit(kind: Kind, index: int, text: str) -> None:
        queue.put_nowait(StreamEvent(kind, {"index": index, "text": text}))

    def report(index: int, num_done: int, num_parts: int) -> None:
        queue.put_nowait(
            StreamEvent("progress", {"index": index, "done": num_done, "parts": num_parts})
        )

    try:
        response = await work(emit, report)
        done = response.model_dump_json(by_alias=True, exclude_unset=True)  # null for a NaN
        queue.put_nowait(StreamEvent("done", from_json(done)))
    except Exception as error:  # noqa: BLE001 - whatever it is, the client is told
        queue.put_nowait(error)
    queue.put_nowait(None)


async def _next_entries(
    queue: asyncio.Queue[StreamEvent | Exception | None], timeout_s: float
) -> list[StreamEvent | Exception | None]:
    """Wait for the queue to hold something and return all of it; PING after `timeout_s`."""
    try:
        entries = [await asyncio.wait_for(queue.get(), timeout_s)]
    except TimeoutError:
        return [PING]
    while not queue.empty():
        entries.append(queue.get_nowait())
    return entries


def _as_sse(event: StreamEvent) -> str:
    if event is PING:
        return ": ping\n\n"
    return f"event: {event.name}\ndata: {_json(event.fields)}\n\n"


def _as_ndjson(event: StreamEvent) -> str:
    return _json({"event": event.name, **event.fields}) + "\n"
