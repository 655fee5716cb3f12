"""`POST /admin/models`: load, swap and unload a model while the service answers.

The route exists only if some key may use it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from model.errors import ModelError
from service.access.clients import Client
from service.backend import Backend
from service.catalogue.catalogue import DEFAULT_CATALOGUE, ModelEntry
from service.catalogue.fleet import Change, FleetClient, Outcome
from service.catalogue.messages import dotted, sentence
from service.dialects.native.answer_schemas import ModelOutput
from service.errors import (
    ApiError,
    ChangeConflictError,
    ChangeFailedError,
    InvalidBodyError,
    ModelNotFoundError,
    show,
)
from service.settings import Settings
from service.sources.locate import locate
from service.wire.authorization import bearer

Administrator = Annotated[Client, Depends(bearer("admin"))]


class ChangeRequest(BaseModel):
    """A change: a model as in the catalogue to load or swap, or the name of one to unload."""

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
    """The change that was made, and the model as it is served now; null once it is unloaded."""

    action: Literal["load", "swap", "unload"]
    name: str
    model: ModelOutput | None


class AdminRoutes:
    """The handler of `/admin/models`."""

    def __init__(self, backend: Backend, settings: Settings, *, fleet: FleetClient) -> None:
        """Take this replica's backend and the fleet of all replicas."""
        self._backend = backend
        self._settings = settings
        self._fleet = fleet
        catalogue = settings.catalogue or DEFAULT_CATALOGUE
        self._folder = catalogue.absolute().parent  # relative paths of checkpoints start here

    def router(self) -> APIRouter:
        """Return the route, which is not part of the public schema."""
        router = APIRouter(prefix="/admin", include_in_schema=False)
        router.add_api_route("/models", self.change_models, methods=["POST"])
        return router

    async def change_models(self, request: Request, _: Administrator) -> ChangeResponse:
        """Change the models of every replica; answer when all have done it, or none has."""
        change = _change_of(await request.body(), self._folder)
        if change.entry is not None:
            change = replace(change, entry=await _pinned(change.entry, self._settings))
        # It goes on when its client leaves: a change is not left half made.
        outcome = await asyncio.shield(asyncio.ensure_future(self._fleet.change(change)))
        models = self._backend.models()
        if outcome.kind != "done":
            raise _refusal(change, outcome, served=[model.name for model in models])
        found = [model for model in models if model.name == change.name]
        return ChangeResponse(
            action=change.action,
            name=change.name,
            model=ModelOutput.model_validate(found[0]) if found else None,
        )


async def _pinned(entry: ModelEntry, settings: Settings) -> ModelEntry:
    """Return the entry pinned to one commit of its hub, so that every replica serves the same.

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


def _change_of(body: bytes, folder: Path) -> Change:
    """Return the change that a body asks for.

    Raises:
        InvalidBodyError: It asks for none.
    """
    try:
        request = ChangeRequest.model_validate_json(body, context={"folder": folder})
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        if first["type"] == "json_invalid":
            raise InvalidBodyError(f"the body: {first['msg']}") from None
        message = sentence(first, schema_at=_schema_at)
        raise InvalidBodyError(f"{dotted(first['loc']) or 'the body'}: {message}") from None
    entry = request.model
    name = entry.name if entry is not None else request.name
    return Change(action=request.action, name=name or "", entry=entry)


def _refusal(change: Change, outcome: Outcome, *, served: Sequence[str]) -> ApiError:
    """Return the error for a change that was not made, or not everywhere."""
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


def _schema_at(location: Sequence[str | int]) -> type[BaseModel]:
    return ChangeRequest if len(location) == 1 else ModelEntry
