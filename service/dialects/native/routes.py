"""The native routes under `/v1`: translate, summarize, detect, and what is served."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.responses import Response

from service.backend import Backend
from service.dialects.dialect import Dialect
from service.dialects.native.answer_schemas import (
    DetectedLanguage,
    DetectResponse,
    ErrorResponse,
    LanguagesResponse,
    ModelOutput,
    ModelsResponse,
    ScoreResponse,
    SummarizeResponse,
    TranslateResponse,
)
from service.dialects.native.answers import (
    languages_response,
    score_response,
    summarize_response,
    translate_response,
)
from service.dialects.native.errors import error_body, error_object
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
from service.settings import Settings
from service.tasks.condensing import Report
from service.tasks.items import Emit
from service.tasks.limits import check_texts
from service.tasks.records import TaskAnswer, TranslationAnswer
from service.tasks.registry import ModelRegistry
from service.tasks.scoring import OutputScorer
from service.tasks.summarization import Summarizer
from service.tasks.translation import Translator
from service.text.detection import Detector
from service.text.glossary import Glossary
from service.wire.middleware import milliseconds, request_id_of
from service.wire.problems import ErrorReporter
from service.wire.streaming import EventStream, stream_events, wanted_format

AnswerT = TypeVar("AnswerT", bound=TaskAnswer)

_ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorResponse, "description": "The request cannot be answered as it is."},
    "5XX": {"model": ErrorResponse, "description": "The service could not answer, or not in time."},
    422: {"model": ErrorResponse, "description": "A field is invalid, or not served."},
}


async def _until_answered() -> AsyncIterator[ExitStack]:
    """Yield a stack that is closed when the answer is sent, or the client has gone."""
    with ExitStack() as stack:
        yield stack


# A request holds its models from its plan on: none is unloaded before the last piece is sent.
Holding = Annotated[ExitStack, Depends(_until_answered)]


class NativeRoutes:
    """The handlers; each turns a body into a record, has it answered, and renders the answer."""

    def __init__(
        self,
        backend: Backend,
        settings: Settings,
        *,
        registry: ModelRegistry,
        detector: Detector,
        report: ErrorReporter,
        glossaries: Mapping[str, Glossary],
    ) -> None:
        self._glossaries = glossaries
        self._backend = backend
        self._settings = settings
        self._registry = registry
        self._detector = detector
        self._report = report
        self._translator = Translator(backend, settings, registry=registry, detector=detector)
        self._summarizer = Summarizer(backend, settings, registry=registry)
        self._scorer = OutputScorer(
            backend,
            settings,
            registry=registry,
            translator=self._translator,
            summarizer=self._summarizer,
        )

    def dialect(self) -> Dialect:
        """Return the dialect, which also renders the errors of paths that no other claims."""
        router = APIRouter(prefix="/v1", tags=["native"])
        add = partial(router.add_api_route, methods=["POST"], responses=_ERRORS)
        add("/translate", self.translate, response_model=TranslateResponse)
        add("/summarize", self.summarize, response_model=SummarizeResponse)
        add("/detect", self.detect)
        add("/score", self.score)
        router.add_api_route("/models", self.models)
        router.add_api_route("/languages", self.languages)
        return Dialect(
            prefixes=("",),
            router=router,
            error_body=error_body,
            invalid_body=invalid_body,
            field_names={},
        )

    async def translate(
        self, body: TranslateRequest, request: Request, holding: Holding
    ) -> Response:
        """Translate one text or a list, from any mix of source languages."""
        record = translation_request(
            body,
            request_id=request_id_of(request.scope),
            settings=self._settings,
            glossaries=self._glossaries,
        )
        plan = self._translator.plan(record)
        holding.enter_context(self._backend.hold(plan.models))
        render = partial(translate_response, parts=parts_of(body))

        async def run(emit: Emit | None, _: Report | None) -> TranslationAnswer:
            return await self._translator.run(plan, emit)

        return await self._respond(request, run, render, stream=body.stream)

    async def summarize(
        self, body: SummarizeRequest, request: Request, holding: Holding
    ) -> Response:
        """Summarize one text or a list."""
        record = summary_request(
            body, request_id=request_id_of(request.scope), settings=self._settings
        )
        plan = self._summarizer.plan(record)
        holding.enter_context(self._backend.hold(plan.models))
        render = partial(summarize_response, parts=parts_of(body))
        run = partial(self._summarizer.run, plan)
        return await self._respond(request, run, render, stream=body.stream)

    async def detect(self, body: DetectRequest) -> DetectResponse:
        """Name the language of each text: a served one, unless it is clearly in another."""
        texts = texts_of(body.text)
        check_texts(texts, self._settings)
        found = map(self._detector.detect, texts)
        return DetectResponse(
            detections=[
                DetectedLanguage(language=each.language, confidence=round(each.confidence, 4))
                for each in found
            ]
        )

    async def score(self, body: ScoreRequest, request: Request, holding: Holding) -> ScoreResponse:
        """Tell how probable the model finds a given output of a text, token by token."""
        record = scoring_request(
            body, request_id=request_id_of(request.scope), settings=self._settings
        )
        plan = self._scorer.plan(record)
        holding.enter_context(self._backend.hold(plan.models))
        return score_response(await self._scorer.run(plan))

    async def models(self) -> ModelsResponse:
        """List the served models, in the catalogue's order."""
        return ModelsResponse(models=list(map(ModelOutput.model_validate, self._registry.models)))

    async def languages(self) -> LanguagesResponse:
        """List the served languages, each with the languages it can be translated to."""
        return languages_response(self._registry)

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
                self._report(error, {}), request_id
            ).model_dump(),
            ping_interval_s=self._settings.ping_interval_s,
        )
        return EventStream(events, media_type=media_type)


def _in_one_piece(answer: AnswerT, render: Callable[[AnswerT], BaseModel]) -> Response:
    return Response(
        render(answer).model_dump_json(exclude_unset=True),
        media_type="application/json",
        headers={
            "x-queue-time": milliseconds(answer.usage.queue_s),
            "x-inference-time": milliseconds(answer.usage.inference_s),
        },
    )
