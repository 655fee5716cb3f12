"""Make the HTTP application from a backend and the settings; it knows neither Ray nor torch."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from fastapi import FastAPI

from service.api.admin import AdminRoutes
from service.api.errors import ErrorAnswers
from service.api.operations import OperationsRoutes, service_version
from service.api.pages import add_pages
from service.backend import Backend
from service.catalogue.fleet import FleetClient
from service.dialects.native.routes import NativeRoutes
from service.settings import Settings
from service.tasks.glossaries import NO_GLOSSARIES
from service.tasks.registry import ModelRegistry
from service.telemetry import metrics
from service.text.detection import Detector
from service.text.glossary import Glossary
from service.wire.middleware import BodyLimit, CancelOnDisconnect, RequestContext
from service.wire.problems import ErrorReporter


def create_api(
    backend: Backend,
    settings: Settings,
    *,
    fleet: FleetClient | None = None,
    while_serving: AbstractAsyncContextManager[None] | None = None,
    glossaries: Mapping[str, Glossary] = NO_GLOSSARIES,
) -> FastAPI:
    """Return the whole HTTP side of the service.

    Args:
        backend: Runs the models; those that are not lazy are loaded already.
        settings: The limits, and the operator's key, without which there are no admin routes.
        fleet: Takes an operator's changes.
        while_serving: Entered before the first request, left after the last.
        glossaries: Those of the catalogue, by name.
    """
    registry = ModelRegistry(backend.models)
    detector = Detector(lambda: registry.languages)
    report = ErrorReporter(retry_after_s=settings.retry_after_s)
    native = NativeRoutes(
        backend,
        settings,
        registry=registry,
        detector=detector,
        report=report,
        glossaries=glossaries,
    )
    dialects = (native.dialect(),)
    answer_to = ErrorAnswers(dialects, report)

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
    for dialect in dialects:
        app.include_router(dialect.router)
    app.include_router(OperationsRoutes(backend, settings, registry=registry).router())
    if settings.admin_key is not None and fleet is not None:
        admin = AdminRoutes(backend, settings, fleet=fleet, key=settings.admin_key)
        app.include_router(admin.router())
    add_pages(app)
    answer_to.add_handlers(app)
    # The last added is the outermost.
    app.add_middleware(CancelOnDisconnect)
    app.add_middleware(BodyLimit, max_body_bytes=settings.max_body_bytes)
    app.add_middleware(RequestContext, observe=metrics.observe_request, answer_to=answer_to)
    return app
