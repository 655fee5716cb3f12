"""The way back from the engine's thread to the event loops that asked."""

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

RequestT = TypeVar("RequestT")
MessageT = TypeVar("MessageT")


class Stream(Generic[RequestT, MessageT]):
    """The messages for one request, on the event loop in which the stream is made."""

    def __init__(self, request: RequestT) -> None:
        self.request = request
        self.loop = asyncio.get_running_loop()
        self.messages: asyncio.Queue[MessageT | Exception] = asyncio.Queue()


Delivery = tuple[Stream[Any, Any], object]


def deliver(deliveries: Iterable[Delivery]) -> None:
    """Post messages to their event loops, waking each loop once; callable in any thread."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Delivery]] = {}
    for delivery in deliveries:
        by_loop.setdefault(delivery[0].loop, []).append(delivery)
    for loop, messages in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed: its requests are gone
            loop.call_soon_threadsafe(_put_all, messages)


def _put_all(deliveries: list[Delivery]) -> None:
    for stream, message in deliveries:
        stream.messages.put_nowait(message)
