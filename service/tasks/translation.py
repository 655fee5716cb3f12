"""Translate: find each text's language and model, cut it into segments, generate all at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from model.engine.params import GenerationParams
from model.tokenizer.prompt import Translation
from service.backend import Backend, ModelInfo
from service.settings import Settings
from service.tasks.generation import Generation, admit, all_or_nothing, within_queues
from service.tasks.items import Emit, Item, answer, fit
from service.tasks.limits import check_texts, params_for
from service.tasks.records import ItemAnswer, TranslationAnswer, TranslationRequest
from service.tasks.registry import ModelRegistry, sources_of
from service.telemetry.metrics import observe_characters
from service.text.documents import Document, split
from service.text.languages import Detector

_SURE = 0.5  # confidence of a detection; below it the other languages together are likelier


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """One text's language and the model that translates it.

    `is_answer`: the text is in the target language already, and is its own translation.
    """

    lang: str
    detected: bool
    model: ModelInfo
    is_answer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslationPlan:
    """A checked request: every text has its language, its model and that model's parameters."""

    request: TranslationRequest
    target_lang: str
    sources: tuple[_Source, ...]
    params: tuple[GenerationParams, ...]

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """The model of each text; to be held until the answer is complete."""
        return tuple(source.model for source in self.sources)


class Translator:
    """Answers translation requests from the models behind `backend`."""

    def __init__(
        self, backend: Backend, settings: Settings, *, registry: ModelRegistry, detector: Detector
    ) -> None:
        self._backend = backend
        self._settings = settings
        self._registry = registry
        self._detector = detector

    def plan(self, request: TranslationRequest) -> TranslationPlan:
        """Decide, or refuse, everything that needs no model.

        A text that is detected to be in the target language is answered as it is. A `source_lang`
        that equals `target_lang` is refused: no model translates such a pair.

        Raises:
            ApiError, ModelError: the request cannot be answered.
        """
        check_texts(request.text, self._settings)
        models = self._registry.translators(request.model)
        target = self._registry.language("target_lang", request.target_lang)
        if request.source_lang is None:
            sources = [self._detected(text, target, models) for text in request.text]
        else:
            lang = self._registry.language("source_lang", request.source_lang)
            model = self._registry.for_pair(lang, target, among=models, detected=False)
            sources = [_Source(lang=lang, detected=False, model=model)] * len(request.text)
        plan = TranslationPlan(
            request=request,
            target_lang=target,
            sources=tuple(sources),
            params=tuple(params_for(source.model, request.overrides) for source in sources),
        )
        admit(self._backend, plan.models, max_waiting=self._settings.max_waiting)
        return plan

    async def run(self, plan: TranslationPlan, emit: Emit | None = None) -> TranslationAnswer:
        """Return the whole answer; pass its pieces to `emit` on the way.

        Raises:
            ModelError: as `Backend.generate` does, for the first segment that fails.
        """
        request = plan.request
        generation = Generation(
            self._backend,
            request,
            max_in_flight=within_queues(self._settings.max_segments_in_flight, plan.models),
        )
        work = [_translate(plan, i, generation, emit=emit) for i in range(len(plan.sources))]
        async with request.deadline.enforced():
            items = await all_or_nothing(work)
        model = plan.sources[0].model.name
        observe_characters(
            model,
            num_input=request.num_characters,
            num_output=sum(len(item.text) for item in items),
        )
        return TranslationAnswer(model=model, items=tuple(items), usage=generation.usage)

    def _detected(self, text: str, target: str, models: Sequence[ModelInfo]) -> _Source:
        """Return the source of a text whose language is not given.

        A word or two tell little: "Hello" looks Spanish, a bit. A client that asks for German does
        not have German, most likely, so an unsure guess counts only if a model translates from it.
        """
        detection = self._detector.detect(text)
        lang = detection.language
        sources = sources_of(target, among=models)
        if lang is None or (detection.confidence < _SURE and lang not in sources):
            lang = sources[0] if sources else lang or target
        if lang == target:
            model = next((m for m in models if target in m.pairs.targets), models[0])
            return _Source(lang=lang, detected=True, model=model, is_answer=True)
        model = self._registry.for_pair(lang, target, among=models, detected=True)
        return _Source(lang=lang, detected=True, model=model)


async def _translate(
    plan: TranslationPlan, index: int, generation: Generation, *, emit: Emit | None
) -> ItemAnswer:
    request, source, text = plan.request, plan.sources[index], plan.request.text[index]
    task = Translation(plan.target_lang, source.lang)
    if source.is_answer and request.split != "verbatim":
        document = Document(text, ())
    else:
        document = split(text, mode=request.split, language=source.lang)
    if request.on_overflow == "split":
        document = await fit(document, partial(generation.fits, source.model, task=task))
    item = Item(
        index=index,
        model=source.model,
        task=task,
        document=document,
        params=plan.params[index],
    )
    found = await answer(item, generation, request=request, emit=emit)
    return replace(found, source_lang=source.lang, detected=source.detected)
