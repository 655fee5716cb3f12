"""Refuse a method on a path that the route of a model, whose name may be any path, would take."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.exceptions import HTTPException


def takes_only(method: str) -> Callable[[], Awaitable[None]]:
    """Return a handler for the methods that a path does not take; it takes only `method`."""

    async def refuse() -> None:
        raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": method})

    return refuse
