"""Make the HTTP application from a backend and the settings; it knows neither Ray nor torch."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from service.access.control import AccessControl
from service.access.key_rings import keys_of
from service.api.admin import AdminRoutes
from service.api.errors import ErrorAnswers
from service.api.operations import OperationsRoutes, service_version
from service.api.pages import add_pages
from service.backend import Backend
from service.catalogue.fleet import FleetClient
from service.dialects.deepl.routes import DeepLRoutes
from service.dialects.dialect import Services
from service.dialects.huggingface.routes import HuggingFaceRoutes
from service.dialects.kserve.routes import KServeRoutes
from service.dialects.libretranslate.routes import LibreTranslateRoutes
from service.dialects.native.routes import NativeRoutes
from service.dialects.nllb_api.routes import NllbApiRoutes
from service.dialects.nllb_serve.routes import NllbServeRoutes
from service.settings import Settings
from service.storage.sqlite_store import SqliteStore
from service.tasks.glossaries import NO_GLOSSARIES
from service.tasks.registry import ModelRegistry
from service.tasks.service import TaskService
from service.tasks.stored_glossaries import StoredGlossaries
from service.telemetry import metrics
from service.text.detection import Detector
from service.text.glossary import Glossary
from service.wire.body_limits import BodyLimits
from service.wire.head_limits import HeadLimits
from service.wire.middleware import CancelOnDisconnect, RequestContext
from service.wire.problems import ErrorReporter

EXPOSED_HEADERS = (
    "retry-after",
    "x-request-id",
    "x-queue-time",
    "x-inference-time",
    "x-total-time",
)


def create_api(
    backend: Backend,
    settings: Settings,
    *,
    fleet: FleetClient | None = None,
    while_serving: AbstractAsyncContextManager[None] | None = None,
    glossaries: Mapping[str, Glossary] = NO_GLOSSARIES,
    access: AccessControl | None = None,
) -> FastAPI:
    """Return the whole HTTP side of the service.

    Args:
        backend: Runs the models; those that are not lazy are loaded already.
        settings: The limits; there are admin routes if its keys allow anybody to use them.
        fleet: Takes an operator's changes.
        while_serving: Entered before the first request, left after the last.
        glossaries: Those of the catalogue, by name.
        access: Tells clients by their keys; if None, the settings' keys do, and what is to be
            kept lies in memory. It is closed after the last request.

    Raises:
        KeyFileError: The keys file of the settings cannot be used.
    """
    registry = ModelRegistry(backend.models)
    detector = Detector(lambda: registry.languages)
    access = access or AccessControl(keys_of(settings), SqliteStore(None))
    services = Services(
        tasks=TaskService(backend, settings, registry=registry, detector=detector, access=access),
        access=access,
        backend=backend,
        settings=settings,
        registry=registry,
        detector=detector,
        store=access.store,
        glossaries=glossaries,
        stored_glossaries=StoredGlossaries(access.store),
        report=ErrorReporter(retry_after_s=settings.retry_after_s),
    )
    dialects = (
        NativeRoutes(services).dialect(),
        LibreTranslateRoutes(services).dialect(),
        DeepLRoutes(services).dialect(),
        HuggingFaceRoutes(services).dialect(),
        KServeRoutes(services).dialect(),
        NllbServeRoutes(services).dialect(),
        NllbApiRoutes(services).dialect(),
    )
    answer_to = ErrorAnswers(dialects, services.report)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        async with while_serving or nullcontext():
            await asyncio.to_thread(detector.load)
            try:
                yield
            finally:
                await access.close()

    app = FastAPI(
        title="Dragoman",
        summary="Translation and summarization by encoder-decoder transformers.",
        version=service_version(),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.access = access
    for dialect in dialects:
        app.include_router(dialect.router)
    app.include_router(OperationsRoutes(backend, settings, registry=registry).router())
    if settings.can_be_administered and fleet is not None:
        app.include_router(AdminRoutes(backend, settings, fleet=fleet).router())
    add_pages(app)
    answer_to.add_handlers(app)
    # The last added is the outermost.
    app.add_middleware(CancelOnDisconnect)
    app.add_middleware(
        BodyLimits,
        max_body_bytes=settings.max_body_bytes,
        body_timeout_s=settings.body_timeout_s,
    )
    app.add_middleware(HeadLimits, allowed_hosts=settings.allowed_hosts)
    app.add_middleware(RequestContext, observe=metrics.observe_request, answer_to=answer_to)
    if settings.allowed_origins:
        # Keys are sent in a header, never as a cookie: no origin needs credentials.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=("*",),
            expose_headers=EXPOSED_HEADERS,
        )
    return app
