"""`POST /admin/models`: load, swap and unload a model while the service answers.

There is no such route unless an admin key is set.
"""

import asyncio
import hmac
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, Self

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from starlette.datastructures import Headers

from model.errors import ModelError
from service.backend import Backend
from service.catalogue.catalogue import DEFAULT_CATALOGUE, ModelEntry
from service.catalogue.fleet import Change, FleetClient, Outcome
from service.catalogue.messages import dotted, sentence
from service.dialects.native.routes import model_output
from service.errors import (
    ApiError,
    ChangeConflictError,
    ChangeFailedError,
    InvalidFieldError,
    ModelNotFoundError,
    UnauthorizedError,
    show,
)
from service.settings import Settings
from service.sources.locate import locate
from service.tasks.schemas import ModelOutput


class ChangeRequest(BaseModel):
    """What an operator sends: a model as in the catalogue, or the name of one to unload."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    action: Literal["load", "swap", "unload"]
    model: ModelEntry | None = None
    name: str | None = Field(default=None, max_length=200)

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        if self.action == "unload" and (self.name is None or self.model is not None):
            raise ValueError("to unload a model takes its `name` and nothing else")
        if self.action != "unload" and (self.model is None or self.name is not None):
            raise ValueError(f"to {self.action} a model takes a `model` as in the catalogue")
        return self


class ChangeResponse(BaseModel):
    """What was done, and the model as it is served now; null where it is not any more."""

    action: Literal["load", "swap", "unload"]
    name: str
    model: ModelOutput | None


def admin_routes(
    backend: Backend, settings: Settings, *, fleet: FleetClient, key: SecretStr
) -> APIRouter:
    """The routes of those who may change what is served.

    Args:
        backend: Of this replica.
        settings: Where the catalogue is, and the files of a hub.
        fleet: Of all replicas.
        key: What an operator has to know.
    """
    catalogue = settings.catalogue or DEFAULT_CATALOGUE

    def check_key(request: Request) -> None:
        if not _has_key(request.headers, key):
            raise UnauthorizedError

    router = APIRouter(prefix="/admin", include_in_schema=False)

    @router.post("/models", dependencies=[Depends(check_key)])
    async def change_models(request: Request) -> ChangeResponse:
        """Change what every replica serves; answers when all have done it, or none has."""
        change = _change_of(await request.body(), catalogue.absolute().parent)
        if change.entry is not None:
            change = replace(change, entry=await _pinned(change.entry, settings))
        # It goes on when its client leaves: a change is not left half made.
        outcome = await asyncio.shield(asyncio.ensure_future(fleet.change(change)))
        if outcome.kind != "done":
            raise _refusal(change, outcome, served=[model.name for model in backend.models()])
        found = [model for model in backend.models() if model.name == change.name]
        return ChangeResponse(
            action=change.action,
            name=change.name,
            model=model_output(found[0]) if found else None,
        )

    return router


async def _pinned(entry: ModelEntry, settings: Settings) -> ModelEntry:
    """The entry at one commit of its hub, so that every replica serves the same.

    Raises:
        ChangeFailedError: There is no such model.
    """
    try:
        source = await asyncio.to_thread(
            locate, entry.path, revision=entry.revision, settings=settings
        )
    except ModelError as error:
        raise ChangeFailedError(f"nothing was changed: {error}") from error
    return entry.model_copy(update={"revision": source.revision})


def _has_key(headers: Headers, key: SecretStr) -> bool:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    is_right = hmac.compare_digest(given.strip().encode(), key.get_secret_value().encode())
    return scheme.lower() == "bearer" and is_right


def _change_of(body: bytes, folder: Path) -> Change:
    """The change that a body asks for.

    Raises:
        InvalidFieldError: It asks for none.
    """
    try:
        request = ChangeRequest.model_validate_json(body, context={"folder": folder})
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        if first["type"] == "json_invalid":
            raise InvalidFieldError(f"the body: {first['msg']}") from None
        message = sentence(first, keys={1: ChangeRequest, 2: ModelEntry})
        raise InvalidFieldError(f"{dotted(first['loc']) or 'the body'}: {message}") from None
    entry = request.model
    name = entry.name if entry is not None else request.name
    return Change(action=request.action, name=name or "", entry=entry)


def _refusal(change: Change, outcome: Outcome, *, served: Sequence[str]) -> ApiError:
    """What the operator is told of a change that was not made."""
    if outcome.kind == "unknown_name":
        return ModelNotFoundError(change.name, served=served)
    if outcome.kind == "name_taken":
        return ChangeConflictError(
            f"there is a model {show(change.name)} already; `swap` replaces it"
        )
    if outcome.kind == "busy":
        return ChangeConflictError("another change is being made; try again when it is done")
    if outcome.kind == "incomplete":
        return ChangeFailedError(f"changed, but a replica cannot follow: {outcome.detail}")
    return ChangeFailedError(f"nothing was changed: {outcome.detail}")
