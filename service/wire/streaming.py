"""Answers that are sent piece by piece: server-sent events, or one JSON object a line.

The work runs in its own task and puts its pieces in a queue; what is in the queue is sent together.
Closing the stream early cancels the work.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.tasks.items import Emit, Kind

Name = Literal["token", "segment", "done", "error"]
SSE = "text/event-stream"
NDJSON = "application/x-ndjson"

Work = Callable[[Emit], Awaitable[BaseModel]]
ErrorBody = Callable[[Exception], BaseModel]


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event and its JSON object."""

    name: Name
    data: str


Batch = list[StreamEvent]  # empty: nothing happened for a while


async def stream_events(
    work: Work, *, error_body: ErrorBody, ping_interval_s: float
) -> AsyncGenerator[Batch, None]:
    """The events of `work` in batches, at least one batch each interval.

    The last event is `done` with the whole response, or `error`. An error before anything else was
    sent is raised instead: it can still have its own status.
    """
    queue: asyncio.Queue[StreamEvent | Exception | None] = asyncio.Queue()
    worker = asyncio.ensure_future(_run(work, queue))
    has_begun = False
    try:
        while True:
            batch: Batch = []
            for entry in await _next_entries(queue, ping_interval_s):
                if isinstance(entry, Exception):
                    if not has_begun and not batch:
                        raise entry
                    batch.append(StreamEvent("error", _json(error_body(entry))))
                elif entry is None:
                    yield batch
                    return
                else:
                    batch.append(entry)
            has_begun = True
            yield batch
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


class EventStream(Response):
    """A response that sends `events` as they come, and closes them whatever happens."""

    def __init__(self, events: AsyncGenerator[Batch, None], *, media_type: str) -> None:
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
            async for batch in events:
                await self._send(batch, send)
        await send({"type": "http.response.body", "body": b""})

    async def _send(self, batch: Batch, send: Send) -> None:
        body = self._encode(batch).encode()
        await send({"type": "http.response.body", "body": body, "more_body": True})


def wanted_format(headers: Headers, *, asked: bool) -> str | None:
    """The media type of the answer that a request wants streamed; None if it does not."""
    accept = headers.get("accept", "")
    if NDJSON in accept:
        return NDJSON
    return SSE if asked or SSE in accept else None


async def _run(work: Work, queue: asyncio.Queue[StreamEvent | Exception | None]) -> None:
    """Do the work; its pieces, its result or its error, and the end go to the queue."""

    def emit(kind: Kind, index: int, text: str) -> None:
        data = json.dumps({"index": index, "text": text}, ensure_ascii=False)
        queue.put_nowait(StreamEvent(kind, data))

    try:
        response = await work(emit)
        queue.put_nowait(StreamEvent("done", _json(response)))
    except Exception as error:  # noqa: BLE001 - whatever it is, the client is told
        queue.put_nowait(error)
    queue.put_nowait(None)


async def _next_entries(
    queue: asyncio.Queue[StreamEvent | Exception | None], timeout_s: float
) -> list[StreamEvent | Exception | None]:
    """Everything in the queue, once there is something; nothing after so long a silence."""
    try:
        entries = [await asyncio.wait_for(queue.get(), timeout_s)]
    except TimeoutError:
        return []
    while not queue.empty():
        entries.append(queue.get_nowait())
    return entries


def _json(body: BaseModel) -> str:
    return body.model_dump_json(exclude_unset=True)


def _as_sse(batch: Batch) -> str:
    if not batch:
        return ": ping\n\n"
    return "".join(f"event: {event.name}\ndata: {event.data}\n\n" for event in batch)


def _as_ndjson(batch: Batch) -> str:
    if not batch:
        return '{"event":"ping"}\n'
    return "".join(f'{{"event":"{event.name}",{event.data[1:]}\n' for event in batch)
