"""The routes of the open inference protocol."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from model.errors import EngineStoppedError
from service.access.clients import Client
from service.backend import ModelInfo
from service.dialects.dialect import Dialect, Services
from service.dialects.kserve.answers import (
    HEADER_LENGTH,
    index_entry,
    infer_response,
    metadata_of,
    version_of,
)
from service.dialects.kserve.requests import summary_request, translation_request
from service.dialects.kserve.schemas import (
    IndexEntry,
    IndexRequest,
    InferRequest,
    InferResponse,
    Live,
    ModelMetadata,
    ModelReady,
    Ready,
    ServerMetadata,
)
from service.dialects.kserve.tensors import read_tensors, split_body
from service.errors import ModelNotFoundError
from service.tasks.readiness import check_ready
from service.tasks.records import TaskAnswer
from service.wire.authorization import bearer, check_may_use
from service.wire.bodies import read_json
from service.wire.error_object import ERROR_RESPONSES, error_body
from service.wire.field_errors import validated
from service.wire.methods import takes_only
from service.wire.middleware import request_id_of
from service.wire.openapi import body_of

Asking = Annotated[Client, Depends(bearer("translate", "summarize"))]
Knowing = Annotated[Client, Depends(bearer())]

_SECRET = frozenset({"data"})
_MODEL = "/models/{model_name:path}"
_VERSION = "/versions/{model_version}"
_WITH_VERSION = {
    "parameters": [
        {"name": "model_version", "in": "path", "required": True, "schema": {"type": "string"}}
    ]
}


class KServeRoutes:
    """The handlers; each turns a body into a record, has it answered, and renders the answer."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def dialect(self) -> Dialect:
        """Return the dialect."""
        router = APIRouter(prefix="/v2", tags=["KServe v2, the open inference protocol"])
        get = partial(router.add_api_route, responses=ERROR_RESPONSES)
        post = partial(router.add_api_route, methods=["POST"], responses=ERROR_RESPONSES)
        get("", self.server)
        get("/health/live", self.live)
        get("/health/ready", self.ready)
        post("/repository/index", self.index, openapi_extra=body_of(IndexRequest, required=False))
        # A name may hold slashes, so a longer path goes before one that could take it for a name.
        for path, extra in ((f"{_MODEL}{_VERSION}", _WITH_VERSION), (_MODEL, {})):
            post(
                f"{path}/infer",
                self.infer,
                response_model=InferResponse,
                openapi_extra={**body_of(InferRequest), **extra},
            )
            router.add_api_route(
                f"{path}/infer", takes_only("POST"), methods=["GET"], include_in_schema=False
            )
            get(f"{path}/ready", self.model_ready, openapi_extra=extra)
        get(f"{_MODEL}{_VERSION}", self.model, openapi_extra=_WITH_VERSION)
        get(_MODEL, self.model)
        return Dialect(
            prefixes=("/v2",),
            router=router,
            error_body=error_body,
            field_names={},
            statuses={
                422: 400,
                "unknown_language": 404,
                "unsupported_pair": 404,
                "language_not_served": 404,
            },
        )

    async def server(self, request: Request) -> ServerMetadata:
        """Tell what this server is."""
        return ServerMetadata(
            name="dragoman", version=request.app.version, extensions=["binary_tensor_data"]
        )

    async def live(self) -> Live:
        """Say whether the engine is alive."""
        if not self._services.backend.is_alive():
            raise EngineStoppedError("the engine's heartbeat has stopped")
        return Live(live=True)

    async def ready(self) -> Ready:
        """Say whether every model can answer."""
        check_ready(self._services.backend)
        return Ready(ready=True)

    async def index(self, request: Request, _: Knowing) -> list[IndexEntry]:
        """List the models of the catalogue."""
        body = await request.body()
        asked = validated(IndexRequest, read_json(body) if body else {})
        found = map(index_entry, self._services.registry.models)
        return [each for each in found if each.state == "READY" or not asked.ready]

    async def model(self, model_name: str, request: Request, _: Knowing) -> ModelMetadata:
        """Tell what the model takes and gives."""
        return metadata_of(self._named(model_name, request))

    async def model_ready(self, model_name: str, request: Request, _: Knowing) -> ModelReady:
        """Say whether the model can answer."""
        check_ready(self._services.backend, self._named(model_name, request))
        return ModelReady(name=model_name, ready=True)

    async def infer(self, model_name: str, request: Request, client: Asking) -> Response:
        """Translate or summarize, as the model does; with inputs and outputs as JSON or binary."""
        model = self._named(model_name, request)
        check_may_use(client, model)
        header, binary = split_body(await request.body(), request.headers.get(HEADER_LENGTH))
        body = validated(InferRequest, read_json(header), secret=_SECRET)
        tensors = read_tensors(body.inputs, binary)
        request_id, services = request_id_of(request.scope), self._services
        answer: TaskAnswer
        if model.tasks[0] == "translation":
            record = translation_request(
                body,
                tensors,
                request_id=request_id,
                model=model,
                registry=services.registry,
                settings=services.settings,
            )
            answer = await services.tasks.translate(record, client)
        else:
            summary = summary_request(
                body, tensors, request_id=request_id, model=model, settings=services.settings
            )
            answer = await services.tasks.summarize(summary, client)
        return infer_response(answer, body, model=model, shape=tensors["text"].shape)

    def _named(self, name: str, request: Request) -> ModelInfo:
        """Return the model of that name, and of the version that the path may have.

        Raises:
            ModelNotFoundError: It is not served, or in another version.
        """
        model = self._services.registry.named(name)
        version = request.path_params.get("model_version")
        if version not in {None, version_of(model)}:
            served = f"{name}/versions/{version_of(model)}"
            raise ModelNotFoundError(f"{name}/versions/{version}", served=[served])
        return model
