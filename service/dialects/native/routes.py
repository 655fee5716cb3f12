"""The native routes under `/v1`: translate, summarize, detect, what is served, what was used."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.responses import Response

from service.access.clients import Client
from service.dialects.dialect import Dialect, Services
from service.dialects.native.answer_schemas import (
    DetectedLanguage,
    DetectResponse,
    LanguagesResponse,
    ModelOutput,
    ModelsResponse,
    ScoreResponse,
    SummarizeResponse,
    TranslateResponse,
    UsageResponse,
)
from service.dialects.native.answers import (
    languages_response,
    score_response,
    summarize_response,
    translate_response,
    usage_response,
)
from service.dialects.native.invalid_body import invalid_body
from service.dialects.native.requests import (
    parts_of,
    scoring_request,
    summary_request,
    texts_of,
    translation_request,
)
from service.dialects.native.schemas import (
    DetectRequest,
    ScoreRequest,
    SummarizeRequest,
    TranslateRequest,
)
from service.errors import GlossaryNotFoundError
from service.tasks.condensing import Report
from service.tasks.glossaries import named_glossary
from service.tasks.items import Emit
from service.tasks.records import TaskAnswer
from service.tasks.scoring import TranslationOf
from service.tasks.service import LoadGlossary
from service.text.glossary import Glossary
from service.wire.authorization import bearer, check_scope
from service.wire.error_object import ERROR_RESPONSES, described, error_body, error_object
from service.wire.middleware import STREAMS, request_id_of, time_headers
from service.wire.streaming import EventStream, stream_events, wanted_format

AnswerT = TypeVar("AnswerT", bound=TaskAnswer)

_ERRORS: dict[int | str, dict[str, Any]] = {
    **ERROR_RESPONSES,
    422: described("A field is invalid, or not served."),
}
_STREAMS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; with `stream`, or as `Accept` asks, its pieces before.",
        "content": {media_type: {} for media_type in STREAMS},
    }
}


async def _until_answered() -> AsyncIterator[ExitStack]:
    """Yield a stack that is closed when the answer is sent, or the client has gone."""
    with ExitStack() as stack:
        yield stack


# A request holds its models from its plan on: none is unloaded before the last piece is sent.
Holding = Annotated[ExitStack, Depends(_until_answered)]

Translating = Annotated[Client, Depends(bearer("translate"))]
Summarizing = Annotated[Client, Depends(bearer("summarize"))]
Asking = Annotated[Client, Depends(bearer("translate", "summarize"))]
Knowing = Annotated[Client, Depends(bearer())]


class NativeRoutes:
    """The handlers; each turns a body into a record, has it answered, and renders the answer."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tasks = services.tasks
        self._settings = services.settings
        self._registry = services.registry

    def dialect(self) -> Dialect:
        """Return the dialect, which also renders the errors of paths that no other claims."""
        router = APIRouter(prefix="/v1", tags=["native"])
        add = partial(router.add_api_route, methods=["POST"], responses=_ERRORS)
        stream = partial(add, responses={**_ERRORS, **_STREAMS})
        stream("/translate", self.translate, response_model=TranslateResponse)
        stream("/summarize", self.summarize, response_model=SummarizeResponse)
        add("/detect", self.detect)
        add("/score", self.score)
        router.add_api_route("/models", self.models)
        router.add_api_route("/languages", self.languages)
        router.add_api_route("/usage", self.usage, responses=_ERRORS)
        return Dialect(
            prefixes=("",),
            router=router,
            error_body=error_body,
            invalid_body=invalid_body,
            field_names={},
        )

    async def translate(
        self, body: TranslateRequest, request: Request, client: Translating, holding: Holding
    ) -> Response:
        """Translate one text or a list, from any mix of source languages."""
        stored = self._stored_glossary(body, client)
        record = translation_request(
            body if stored is None else body.model_copy(update={"glossary": None}),
            request_id=request_id_of(request.scope),
            settings=self._settings,
            glossaries=self._services.glossaries,
        )
        prepared = await self._tasks.prepare_translation(record, client, glossary=stored)
        holding.enter_context(self._tasks.hold(prepared))
        render = partial(translate_response, parts=parts_of(body))
        return await self._respond(request, prepared.run, render, stream=body.stream)

    async def summarize(
        self, body: SummarizeRequest, request: Request, client: Summarizing, holding: Holding
    ) -> Response:
        """Summarize one text or a list."""
        record = summary_request(
            body, request_id=request_id_of(request.scope), settings=self._settings
        )
        prepared = await self._tasks.prepare_summary(record, client)
        holding.enter_context(self._tasks.hold(prepared))
        render = partial(summarize_response, parts=parts_of(body))
        return await self._respond(request, prepared.run, render, stream=body.stream)

    async def detect(self, body: DetectRequest, client: Asking) -> DetectResponse:
        """Name the language of each text: a served one, unless it is clearly in another."""
        found = await self._tasks.detect(texts_of(body.text), client)
        return DetectResponse(
            detections=[
                DetectedLanguage(language=each.language, confidence=round(each.confidence, 4))
                for each in found
            ]
        )

    async def score(self, body: ScoreRequest, request: Request, client: Asking) -> ScoreResponse:
        """Tell how probable the model finds a given output of a text; needs its task's scope."""
        record = scoring_request(
            body, request_id=request_id_of(request.scope), settings=self._settings
        )
        check_scope(client, "translate" if isinstance(record.kind, TranslationOf) else "summarize")
        return score_response(await self._tasks.score(record, client))

    async def models(self, _: Knowing) -> ModelsResponse:
        """List the served models, in the catalogue's order."""
        return ModelsResponse(models=list(map(ModelOutput.model_validate, self._registry.models)))

    async def languages(self, _: Knowing) -> LanguagesResponse:
        """List the served languages, each with the languages it can be translated to."""
        return languages_response(self._registry)

    async def usage(self, client: Knowing) -> UsageResponse:
        """Tell what the client used in this month, and its limits."""
        report = await self._services.access.report(client)
        return usage_response(report, client.allowance)

    def _stored_glossary(self, body: TranslateRequest, client: Client) -> LoadGlossary | None:
        """Return a function that loads the client's own glossary, if the body has an id of one."""
        named, given = self._services.glossaries, body.glossary
        if not given or not isinstance(given, str) or given in named:
            return None
        stored = self._services.stored_glossaries

        async def load() -> Glossary:
            try:
                return await stored.ready(client.id, (given,), body.source_lang, body.target_lang)
            except GlossaryNotFoundError:
                return named_glossary(given, named)

        return load

    async def _respond(
        self,
        request: Request,
        run: Callable[[Emit | None, Report | None], Awaitable[AnswerT]],
        render: Callable[[AnswerT], BaseModel],
        *,
        stream: bool,
    ) -> Response:
        """Return the answer in one piece, or streamed if the client asks for that."""
        media_type = wanted_format(request.headers, asked=stream)
        if media_type is None:
            return _in_one_piece(await run(None, None), render)

        async def work(emit: Emit, report: Report) -> BaseModel:
            return render(await run(emit, report))

        request_id = request_id_of(request.scope)
        events = stream_events(
            work,
            error_object=lambda error: error_object(
                self._services.report(error, {}), request_id
            ).model_dump(),
            ping_interval_s=self._settings.ping_interval_s,
        )
        return EventStream(events, media_type=media_type)


def _in_one_piece(answer: AnswerT, render: Callable[[AnswerT], BaseModel]) -> Response:
    return Response(
        render(answer).model_dump_json(exclude_unset=True),
        media_type="application/json",
        headers=time_headers(answer.usage),
    )
