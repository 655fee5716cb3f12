"""Routes for those who run the service: is it alive, is it ready, what is it, how is it doing."""

import asyncio
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter
from starlette.responses import Response

from model.errors import EngineStoppedError
from service.backend import Backend
from service.errors import NotReadyError
from service.settings import Settings
from service.tasks.directory import Directory
from service.tasks.schemas import InfoResponse, Limits, StatusResponse
from service.telemetry import metrics


def operations_routes(backend: Backend, settings: Settings, *, directory: Directory) -> APIRouter:
    """Health, readiness, information and metrics."""
    router = APIRouter(tags=["operations"])

    @router.head("/health", include_in_schema=False)
    @router.get("/health")
    async def health() -> StatusResponse:
        """Say whether the engine is alive."""
        if not backend.is_alive():
            raise EngineStoppedError("the engine's heartbeat has stopped")
        return StatusResponse(status="ok")

    @router.head("/ready", include_in_schema=False)
    @router.get("/ready")
    async def ready() -> StatusResponse:
        """Say whether every model can answer; a lazy one need not be loaded for that."""
        if not (backend.is_alive() and backend.is_ready()):
            raise NotReadyError
        return StatusResponse(status="ready")

    @router.get("/info")
    async def info() -> InfoResponse:
        """Name the version, the models and the limits of a request."""
        return InfoResponse(
            name="dragoman",
            version=service_version(),
            models=[model.name for model in directory.models],
            limits=Limits(
                max_text_characters=settings.max_text_characters,
                max_items=settings.max_items,
                max_body_bytes=settings.max_body_bytes,
                default_timeout_ms=settings.default_timeout_ms,
                max_timeout_ms=settings.max_timeout_ms,
            ),
        )

    @router.get("/metrics", response_class=Response)
    async def prometheus() -> Response:
        """Show the metrics of this node in Prometheus' text format."""
        text = await asyncio.to_thread(metrics.render)
        return Response(text, media_type=metrics.CONTENT_TYPE)

    return router


def service_version() -> str:
    """The installed version; `0+source` where the project runs uninstalled."""
    try:
        return version("dragoman")
    except PackageNotFoundError:
        return "0+source"
