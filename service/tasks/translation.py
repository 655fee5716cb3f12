"""`/v1/translate`: each item's language, model and segments; all segments at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from model.engine.params import GenerationParams
from model.tokenizer.prompt import Translation
from service.backend import Backend, ModelInfo
from service.settings import Settings
from service.tasks.directory import Directory, sources_of
from service.tasks.generation import Generation, Spent, admit, all_or_nothing, within_queues
from service.tasks.items import Emit, Item, answer, fit
from service.tasks.requests import Options, options_of, params_for
from service.tasks.schemas import TranslateRequest, TranslateResponse, TranslationOutput
from service.telemetry.metrics import observe_characters
from service.text.documents import Document, split
from service.text.languages import Detector

_SURE = 0.5  # a detected language's confidence; below it the others together are likelier


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where one text comes from: its language, how that is known, and who translates it."""

    lang: str
    detected: bool
    model: ModelInfo
    is_answer: bool = False  # already in the target language, or without words


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslationPlan:
    """A request that was found good, before any model is asked."""

    options: Options
    target_lang: str
    sources: tuple[_Source, ...]
    params: tuple[GenerationParams, ...]  # of each source's model

    @property
    def model(self) -> str:
        """The model that the first item is given to."""
        return self.sources[0].model.name

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """All that it takes."""
        return tuple(source.model for source in self.sources)


class Translator:
    """Answers translation requests from the models behind `backend`."""

    def __init__(
        self, backend: Backend, settings: Settings, *, directory: Directory, detector: Detector
    ) -> None:
        self._backend = backend
        self._settings = settings
        self._directory = directory
        self._detector = detector

    def plan(self, body: TranslateRequest, *, request_id: str) -> TranslationPlan:
        """Everything about the request that can be decided, or refused, without a model.

        A text that is found to be in the target language already is answered as it is. A
        `source_lang` that equals `target_lang` is refused: no model translates such a pair.

        Raises:
            ApiError, ModelError: the request cannot be answered; see `problems.PROBLEMS`.
        """
        options = options_of(body, request_id=request_id, settings=self._settings)
        models = self._directory.translators(body.model)
        target = self._directory.language("target_lang", body.target_lang)
        if body.source_lang is None:
            sources = [self._detected(text, target, models) for text in options.texts]
        else:
            lang = self._directory.language("source_lang", body.source_lang)
            model = self._directory.for_pair(lang, target, among=models, detected=False)
            sources = [_Source(lang=lang, detected=False, model=model)] * len(options.texts)
        params = tuple(params_for(source.model, options) for source in sources)
        plan = TranslationPlan(
            options=options, target_lang=target, sources=tuple(sources), params=params
        )
        admit(self._backend, plan.models, max_waiting=self._settings.max_waiting)
        return plan

    async def run(
        self, plan: TranslationPlan, emit: Emit | None
    ) -> tuple[TranslateResponse, Spent]:
        """The whole answer, its pieces passed to `emit` on the way, and what it cost."""
        generation = Generation(
            self._backend,
            plan.options,
            max_in_flight=within_queues(self._settings.max_segments_in_flight, plan.models),
        )
        items = [_translate(plan, i, generation, emit=emit) for i in range(len(plan.sources))]
        translations = await generation.within_time(all_or_nothing(items))
        response = TranslateResponse(
            model=plan.model, translations=translations, usage=generation.usage
        )
        observe_characters(
            plan.model,
            num_input=plan.options.num_characters,
            num_output=sum(len(item.text) for item in translations),
        )
        return response, generation.spent

    def _detected(self, text: str, target: str, models: Sequence[ModelInfo]) -> _Source:
        """The source of a text whose language nobody named.

        A word or two tell little: "Hello" looks Spanish, a bit. Who asks for German does not have
        German, most likely, so a mere guess counts only where it leads to a translation.
        """
        detection = self._detector.detect(text)
        lang = detection.language
        sources = sources_of(target, among=models)
        if lang is None or (detection.confidence < _SURE and lang not in sources):
            lang = sources[0] if sources else lang or target
        if lang == target:
            model = next((m for m in models if target in m.pairs.targets), models[0])
            return _Source(lang=lang, detected=True, model=model, is_answer=True)
        model = self._directory.for_pair(lang, target, among=models, detected=True)
        return _Source(lang=lang, detected=True, model=model)


async def _translate(
    plan: TranslationPlan, index: int, generation: Generation, *, emit: Emit | None
) -> TranslationOutput:
    """One item, from its text to its answer."""
    options, source, text = plan.options, plan.sources[index], plan.options.texts[index]
    task = Translation(plan.target_lang, source.lang)
    if source.is_answer:
        document = Document(text, ())
    else:
        document = split(text, mode=options.split, language=source.lang)
    if options.on_overflow == "split":
        document = await fit(document, partial(generation.fits, source.model, task=task))
    item = Item(
        index=index, model=source.model, task=task, document=document, params=plan.params[index]
    )
    fields = await answer(item, generation, options=options, emit=emit)
    return TranslationOutput(source_lang=source.lang, detected=source.detected, **fields)
