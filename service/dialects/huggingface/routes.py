"""The routes of Hugging Face inference: a model by its path, or the first one for a task."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from service.access.clients import Client
from service.backend import ModelInfo
from service.dialects.dialect import Dialect, Services
from service.dialects.huggingface.answers import info_of, response_of
from service.dialects.huggingface.requests import (
    generation_of,
    summary_request,
    translation_request,
)
from service.dialects.huggingface.schemas import (
    EndpointHealth,
    EndpointInfo,
    Summaries,
    SummarizationBody,
    TranslationBody,
    Translations,
)
from service.tasks.readiness import check_ready
from service.wire.authorization import bearer, check_may_use
from service.wire.bodies import read_json
from service.wire.error_object import ERROR_RESPONSES, error_body
from service.wire.field_errors import validated
from service.wire.methods import takes_only
from service.wire.middleware import request_id_of
from service.wire.openapi import body_of

Asking = Annotated[Client, Depends(bearer("translate", "summarize"))]
Translating = Annotated[Client, Depends(bearer("translate"))]
Summarizing = Annotated[Client, Depends(bearer("summarize"))]
Knowing = Annotated[Client, Depends(bearer())]

_SECRET = frozenset({"inputs"})


class HuggingFaceRoutes:
    """The handlers; each turns a body into a record, has it answered, and renders the answer."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def dialect(self) -> Dialect:
        """Return the dialect."""
        router = APIRouter(tags=["Hugging Face inference"])
        for path, info, health in (
            ("/models/{model_id:path}", self.model_info, self.model_health),
            ("/hf/translation", self.translator_info, self.translator_health),
            ("/hf/summarization", self.summarizer_info, self.summarizer_health),
        ):
            router.add_api_route(f"{path}/info", info, responses=ERROR_RESPONSES)
            router.add_api_route(f"{path}/health", health, responses=ERROR_RESPONSES)
            for end in ("info", "health"):
                router.add_api_route(
                    f"{path}/{end}", takes_only("GET"), methods=["POST"], include_in_schema=False
                )
        post = partial(router.add_api_route, methods=["POST"], responses=ERROR_RESPONSES)
        post(
            "/models/{model_id:path}",
            self.infer,
            response_model=Translations | Summaries,
            openapi_extra=body_of(TranslationBody, SummarizationBody),
        )
        post(
            "/hf/translation",
            self.translate,
            response_model=Translations,
            openapi_extra=body_of(TranslationBody),
        )
        post(
            "/hf/summarization",
            self.summarize,
            response_model=Summaries,
            openapi_extra=body_of(SummarizationBody),
        )
        return Dialect(
            prefixes=("/models", "/hf"),
            router=router,
            error_body=error_body,
            field_names={
                "text": "inputs",
                "source_lang": "src_lang",
                "target_lang": "tgt_lang",
                "num_return": "num_return_sequences",
            },
            statuses={
                "unknown_language": 404,
                "unsupported_pair": 404,
                "language_not_served": 404,
                "queue_full": 429,
            },
        )

    async def infer(self, model_id: str, request: Request, client: Asking) -> Response:
        """Translate or summarize, as the model does; the client may do that one of the two."""
        model = self._services.registry.named(model_id)
        check_may_use(client, model)
        answer = self._translate if model.tasks[0] == "translation" else self._summarize
        return await answer(request, client, model=model_id)

    async def translate(self, request: Request, client: Translating) -> Response:
        """Translate with the first model that has the pair."""
        return await self._translate(request, client, model=None)

    async def summarize(self, request: Request, client: Summarizing) -> Response:
        """Summarize with the first model that does."""
        return await self._summarize(request, client, model=None)

    async def model_info(self, model_id: str, request: Request, _: Knowing) -> EndpointInfo:
        """Tell what is known of the model."""
        return self._info(self._services.registry.named(model_id), request)

    async def translator_info(self, request: Request, _: Knowing) -> EndpointInfo:
        """Tell what is known of the first model that translates."""
        return self._info(self._services.registry.translators(None)[0], request)

    async def summarizer_info(self, request: Request, _: Knowing) -> EndpointInfo:
        """Tell what is known of the model that summarizes."""
        return self._info(self._services.registry.summarizer(None, None), request)

    async def model_health(self, model_id: str, _: Knowing) -> EndpointHealth:
        """Say whether the model can answer."""
        return self._health(self._services.registry.named(model_id))

    async def translator_health(self, _: Knowing) -> EndpointHealth:
        """Say whether the first model that translates can answer."""
        return self._health(self._services.registry.translators(None)[0])

    async def summarizer_health(self, _: Knowing) -> EndpointHealth:
        """Say whether the model that summarizes can answer."""
        return self._health(self._services.registry.summarizer(None, None))

    async def _translate(self, request: Request, client: Client, *, model: str | None) -> Response:
        fields = read_json(await request.body())
        body = validated(TranslationBody, fields, secret=_SECRET)
        record = translation_request(
            body,
            request_id=request_id_of(request.scope),
            model=model,
            registry=self._services.registry,
            settings=self._services.settings,
        )
        answer = await self._services.tasks.translate(record, client)
        return response_of(
            answer,
            "translation_text",
            is_list=isinstance(fields["inputs"], list),
            generation=generation_of(body.parameters),
        )

    async def _summarize(self, request: Request, client: Client, *, model: str | None) -> Response:
        fields = read_json(await request.body())
        body = validated(SummarizationBody, fields, secret=_SECRET)
        record = summary_request(
            body,
            request_id=request_id_of(request.scope),
            model=model,
            settings=self._services.settings,
        )
        answer = await self._services.tasks.summarize(record, client)
        return response_of(
            answer,
            "summary_text",
            is_list=isinstance(fields["inputs"], list),
            generation=generation_of(body.parameters),
        )

    def _info(self, model: ModelInfo, request: Request) -> EndpointInfo:
        return info_of(model, self._services.settings, version=request.app.version)

    def _health(self, model: ModelInfo) -> EndpointHealth:
        check_ready(self._services.backend, model)
        return EndpointHealth(status="ok")
