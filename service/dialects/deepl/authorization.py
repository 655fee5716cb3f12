"""Tell a request's client by the key that it sends as DeepL's clients do."""

from collections.abc import Awaitable, Callable

from fastapi import Request

from service.access.clients import Client, Scope
from service.wire.authorization import AppState, key_in

SCHEME = "DeepL-Auth-Key"


def key_holder(*scopes: Scope) -> Callable[[Request], Awaitable[Client]]:
    """Return a dependency of FastAPI: the client by its key, which has one of `scopes`.

    The key follows `DeepL-Auth-Key`, or `Bearer` as in the other client APIs. The errors are those
    of `AccessControl.authorize`.
    """

    async def client(request: Request) -> Client:
        state: AppState = request.app.state
        key = key_in(request.headers, SCHEME) or key_in(request.headers)
        return await state.access.admit(key, *scopes)

    return client
