"""The HTTP API: `create_api` makes the application from a backend and the settings.

It knows neither Ray nor torch: what runs the models is behind `service.backend.Backend`.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from model.errors import ModelError
from service.api.admin import admin_routes
from service.api.operations import operations_routes, service_version
from service.api.pages import add_pages
from service.backend import Backend
from service.catalogue.fleet import FleetClient
from service.dialects.native.routes import listing_routes, native_routes
from service.dialects.native.validation import invalid_body
from service.errors import ApiError
from service.settings import Settings
from service.tasks.directory import Directory
from service.telemetry import metrics
from service.telemetry.log import get_logger
from service.text.languages import Detector
from service.wire.middleware import (
    AnswerTo,
    BodyLimit,
    CancelOnDisconnect,
    RequestContext,
    request_id_of,
)
from service.wire.problems import Answer, answer_to

logger = get_logger(__name__)


def create_api(
    backend: Backend,
    settings: Settings,
    *,
    fleet: FleetClient | None = None,
    while_serving: AbstractAsyncContextManager[None] | None = None,
) -> FastAPI:
    """The whole HTTP side of the service.

    Args:
        backend: Runs the models; those that are not lazy are loaded already.
        settings: The limits, and whether there are routes for an operator.
        fleet: Where an operator's changes go.
        while_serving: Entered before the first request, left after the last.
    """
    directory = Directory(backend.models)
    detector = Detector(lambda: directory.languages)
    answer = _answerer(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        async with while_serving or nullcontext():
            await asyncio.to_thread(detector.load)
            yield

    app = FastAPI(
        title="Dragoman",
        summary="Translation and summarization by encoder-decoder transformers.",
        version=service_version(),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.include_router(
        native_routes(backend, settings, directory=directory, detector=detector, answer_to=answer)
    )
    app.include_router(listing_routes(directory))
    app.include_router(operations_routes(backend, settings, directory=directory))
    if settings.admin_key is not None and fleet is not None:
        admin = admin_routes(backend, settings, fleet=fleet, key=settings.admin_key)
        app.include_router(admin)
    add_pages(app)
    _add_error_handlers(app, answer)
    # The last added is the outermost.
    app.add_middleware(CancelOnDisconnect)
    app.add_middleware(BodyLimit, max_body_bytes=settings.max_body_bytes)
    app.add_middleware(RequestContext, observe=metrics.observe_request, answer_to=answer)
    return app


def _answerer(settings: Settings) -> AnswerTo:
    """Turns errors into answers; logs the faults that are ours and counts what was rejected."""

    def answer(error: Exception, request_id: str) -> Answer:
        found = answer_to(error, request_id=request_id, retry_after_s=settings.retry_after_s)
        if found.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            logger.error("request failed", exc_info=error)
        if found.is_rejection:
            metrics.REJECTED.labels(found.body.code).inc()
        return found

    return answer


def _add_error_handlers(app: FastAPI, answer: AnswerTo) -> None:
    """One error object for every error, the framework's own included.

    An exception of any other class reaches `RequestContext`, which answers it likewise.
    """

    async def handle(request: Request, error: Exception) -> Response:
        if isinstance(error, RequestValidationError):
            error = invalid_body(error.errors())
        found = answer(error, request_id_of(request.scope))
        return Response(
            found.body.model_dump_json(),
            status_code=found.status,
            headers=dict(found.headers),
            media_type="application/json",
        )

    for kind in (ModelError, ApiError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, handle)
