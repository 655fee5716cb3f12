"""Tell a request's client by the key in its header."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from fastapi import Request
from starlette.datastructures import Headers

from service.access.clients import Client, Scope
from service.access.control import AccessControl
from service.backend import ModelInfo
from service.errors import ForbiddenError


class AppState(Protocol):
    """The attributes of the application's `state`."""

    access: AccessControl


def key_in(headers: Headers, scheme: str = "Bearer") -> str | None:
    """Return the key of the header `Authorization: SCHEME KEY`; None if there is no such header."""
    given, _, key = headers.get("authorization", "").partition(" ")
    key = key.strip()
    return key if key and given.lower() == scheme.lower() else None


def check_may_use(client: Client, model: ModelInfo) -> None:
    """Check that a client may do what a model is made for.

    Raises:
        ForbiddenError: It lacks the scope.
    """
    check_scope(client, "translate" if model.tasks[0] == "translation" else "summarize")


def check_scope(client: Client, scope: Scope) -> None:
    """Check that a client has a scope, where the body decides which one it needs.

    Raises:
        ForbiddenError: It lacks the scope.
    """
    if scope not in client.scopes:
        raise ForbiddenError([scope])


def bearer(*scopes: Scope) -> Callable[[Request], Awaitable[Client]]:
    """Return a dependency of FastAPI: the client by its bearer key, which has one of `scopes`.

    It is resolved before the body is validated. Its errors are those of `AccessControl.authorize`.
    """

    async def client(request: Request) -> Client:
        state: AppState = request.app.state
        return await state.access.admit(key_in(request.headers), *scopes)

    return client
