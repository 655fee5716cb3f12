"""The native routes under `/v1`."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.responses import Response

from service.backend import Backend, ModelInfo
from service.pairs import Pairs
from service.settings import Settings
from service.tasks.directory import Directory
from service.tasks.generation import Spent
from service.tasks.items import Emit
from service.tasks.requests import texts_of
from service.tasks.schemas import (
    DetectedLanguage,
    DetectRequest,
    DetectResponse,
    ErrorResponse,
    LanguageOutput,
    LanguagesResponse,
    ModelOutput,
    ModelsResponse,
    SummarizeRequest,
    SummarizeResponse,
    TranslateRequest,
    TranslateResponse,
)
from service.tasks.summarization import Summarizer
from service.tasks.translation import Translator
from service.text.languages import Detector, name_of
from service.wire.middleware import AnswerTo, milliseconds, request_id_of
from service.wire.streaming import EventStream, stream_events, wanted_format

_MAX_LISTED_PAIRS = 500  # of one model, or in all, that are named one by one


async def _until_answered() -> AsyncIterator[ExitStack]:
    """What is entered here is left when the answer is sent, or nobody waits for it any more."""
    with ExitStack() as held:
        yield held


# A request holds its models from its plan on: none is let go before the last piece is sent.
Held = Annotated[ExitStack, Depends(_until_answered)]
Run = Callable[[Emit | None], Awaitable[tuple[BaseModel, Spent]]]

_ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorResponse, "description": "The request cannot be answered as it is."},
    "5XX": {"model": ErrorResponse, "description": "The service could not answer, or not in time."},
    422: {"model": ErrorResponse, "description": "A field is invalid, or not served."},
}


def native_routes(
    backend: Backend,
    settings: Settings,
    *,
    directory: Directory,
    detector: Detector,
    answer_to: AnswerTo,
) -> APIRouter:
    """Translate, summarize, detect."""
    router = APIRouter(prefix="/v1", responses=_ERRORS, tags=["native"])
    translator = Translator(backend, settings, directory=directory, detector=detector)
    summarizer = Summarizer(backend, settings, directory=directory)

    async def respond(request: Request, run: Run, *, stream: bool) -> Response:
        """The answer in one piece, or streamed if the client wants that."""
        media_type = wanted_format(request.headers, asked=stream)
        if media_type is None:
            return await _in_one_piece(run)

        async def work(emit: Emit) -> BaseModel:
            response, _ = await run(emit)
            return response

        request_id = request_id_of(request.scope)
        events = stream_events(
            work,
            error_body=lambda error: answer_to(error, request_id).body,
            ping_interval_s=settings.ping_interval_s,
        )
        return EventStream(events, media_type=media_type)

    @router.post("/translate", response_model=TranslateResponse)
    async def translate(body: TranslateRequest, request: Request, held: Held) -> Response:
        """Translate one text or a list, from any mix of source languages."""
        plan = translator.plan(body, request_id=request_id_of(request.scope))
        held.enter_context(backend.hold(plan.models))
        return await respond(request, lambda emit: translator.run(plan, emit), stream=body.stream)

    @router.post("/summarize", response_model=SummarizeResponse)
    async def summarize(body: SummarizeRequest, request: Request, held: Held) -> Response:
        """Summarize one text or a list."""
        plan = summarizer.plan(body, request_id=request_id_of(request.scope))
        held.enter_context(backend.hold(plan.models))
        return await respond(request, lambda emit: summarizer.run(plan, emit), stream=body.stream)

    @router.post("/detect")
    async def detect(body: DetectRequest) -> DetectResponse:
        """Name the language of each text, among those served."""
        found = [detector.detect(text) for text in texts_of(body.text, settings=settings)]
        return DetectResponse(
            detections=[
                DetectedLanguage(language=d.language, confidence=round(d.confidence, 4))
                for d in found
            ]
        )

    return router


def listing_routes(directory: Directory) -> APIRouter:
    """What is served: models and languages."""
    router = APIRouter(prefix="/v1", tags=["native"])

    @router.get("/models")
    async def models() -> ModelsResponse:
        """List the served models, in the catalogue's order."""
        return ModelsResponse(models=[model_output(model) for model in directory.models])

    @router.get("/languages")
    async def languages() -> LanguagesResponse:
        """List the served languages, each with what it can be translated to."""
        return _languages_response(directory)

    return router


async def _in_one_piece(run: Run) -> Response:
    response, spent = await run(None)
    return Response(
        response.model_dump_json(exclude_unset=True),
        media_type="application/json",
        headers={
            "x-queue-time": milliseconds(spent.queue_s),
            "x-inference-time": milliseconds(spent.inference_s),
        },
    )


def model_output(model: ModelInfo) -> ModelOutput:
    """What clients are told of a model."""
    return ModelOutput(
        name=model.name,
        state=model.state,
        task=model.tasks[0],
        tasks=list(model.tasks),
        default_for=list(model.default_for),
        pairs=None if _is_vast(model.pairs) else list(model.pairs),
        source_languages=list(model.pairs.sources),
        target_languages=list(model.pairs.targets),
        styles=list(model.styles),
        family=model.family,
        origin=model.origin,
        revision=model.revision,
        num_parameters=model.num_parameters,
        weights_bytes=model.weights_bytes,
        dtype=model.dtype,
        quantize=model.quantize,
        device=model.device,
        kernels=model.kernels,
        max_input_tokens=model.max_input_tokens,
        max_new_tokens=model.max_new_tokens,
        max_waiting=model.max_waiting,
        default_num_beams=model.default_num_beams,
        defaults=dict(model.defaults),
    )


def _is_vast(pairs: Pairs) -> bool:
    """Too many to list, and no need to: they are all combinations."""
    return pairs.listed is None and len(pairs) > _MAX_LISTED_PAIRS


def _languages_response(directory: Directory) -> LanguagesResponse:
    """Each language with its targets; those that very many have in common are told once."""
    targets = {code: directory.targets(code) for code in directory.languages}
    common: frozenset[str] = frozenset()
    if sum(map(len, targets.values())) > _MAX_LISTED_PAIRS:
        reach = Counter(frozenset((code, *others)) for code, others in targets.items() if others)
        ((common, _),) = reach.most_common(1)
    return LanguagesResponse(
        languages=[
            LanguageOutput(
                code=code,
                name=name_of(code),
                targets=None if others and common - {code} == set(others) else list(others),
            )
            for code, others in targets.items()
        ],
        targets=[code for code in directory.languages if code in common],
    )
