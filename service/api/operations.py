"""Routes for operators: health, readiness, information and metrics."""

import asyncio
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from model.errors import EngineStoppedError
from service.access.clients import Client
from service.backend import Backend
from service.settings import Settings
from service.tasks.readiness import check_ready
from service.tasks.registry import ModelRegistry
from service.telemetry import metrics
from service.wire.authorization import bearer

Measuring = Annotated[Client, Depends(bearer("metrics"))]


class _Response(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Response):
    """The most that one request may ask for."""

    max_text_characters: int
    max_items: int
    max_body_bytes: int
    default_timeout_ms: int
    max_timeout_ms: int


class InfoResponse(_Response):
    """The answer of `/info`."""

    name: str
    version: str
    models: list[str]
    limits: Limits


class StatusResponse(_Response):
    """The answer of `/health` and `/ready` when all is well."""

    status: Literal["ok", "ready"]


class OperationsRoutes:
    """The handlers of `/health`, `/ready`, `/info` and `/metrics`."""

    def __init__(self, backend: Backend, settings: Settings, *, registry: ModelRegistry) -> None:
        self._backend = backend
        self._settings = settings
        self._registry = registry

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["operations"])
        for path, handler in (("/health", self.health), ("/ready", self.ready)):
            router.add_api_route(path, handler, methods=["GET"])
            router.add_api_route(path, handler, methods=["HEAD"], include_in_schema=False)
        router.add_api_route("/info", self.info)
        router.add_api_route("/metrics", self.metrics, response_class=Response, name="prometheus")
        return router

    async def health(self) -> StatusResponse:
        """Say whether the engine is alive."""
        if not self._backend.is_alive():
            raise EngineStoppedError("the engine's heartbeat has stopped")
        return StatusResponse(status="ok")

    async def ready(self) -> StatusResponse:
        """Say whether every model can answer; a lazy one need not be loaded for that."""
        check_ready(self._backend)
        return StatusResponse(status="ready")

    async def info(self) -> InfoResponse:
        """Name the version, the models and the limits of a request."""
        settings = self._settings
        return InfoResponse(
            name="dragoman",
            version=service_version(),
            models=[model.name for model in self._registry.models],
            limits=Limits(
                max_text_characters=settings.max_text_characters,
                max_items=settings.max_items,
                max_body_bytes=settings.max_body_bytes,
                default_timeout_ms=settings.default_timeout_ms,
                max_timeout_ms=settings.max_timeout_ms,
            ),
        )

    async def metrics(self, _: Measuring) -> Response:
        """Show the metrics of this node in Prometheus' text format."""
        text = await asyncio.to_thread(metrics.render)
        return Response(text, media_type=metrics.CONTENT_TYPE)


def service_version() -> str:
    """Return the installed version; `0+source` if the project runs uninstalled."""
    try:
        return version("dragoman")
    except PackageNotFoundError:
        return "0+source"
