"""Translate: find each text's language and model, cut it into segments, generate all at once."""

from dataclasses import dataclass
from functools import partial

from model.engine.params import GenerationParams
from model.tokenizer.prompt import Translation
from service.backend import Backend, ModelInfo
from service.settings import Settings
from service.tasks.attempts import Attempts
from service.tasks.generation import Generation, OnText, admit, all_or_nothing, within_queues
from service.tasks.glossaries import check_pair
from service.tasks.items import Emit, Item, answer
from service.tasks.layout import Cutting, Layout, lay_out
from service.tasks.limits import check_texts, params_for
from service.tasks.records import (
    ItemAnswer,
    SegmentAnswer,
    TranslationAnswer,
    TranslationRequest,
)
from service.tasks.registry import ModelRegistry
from service.tasks.segments import SegmentTranslator
from service.tasks.sources import Source, Surroundings, detected_sources
from service.telemetry.metrics import observe_characters
from service.text.detection import Detector
from service.text.documents import Document
from service.text.markup.document import MarkupDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslationPlan:
    """A checked request: every text has its language, its model and that model's parameters.

    `markup` holds the texts as documents, if they are not plain.
    """

    request: TranslationRequest
    target_lang: str
    sources: tuple[Source, ...]
    params: tuple[GenerationParams, ...]
    markup: tuple[MarkupDocument, ...] | None

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

    def plan(
        self, request: TranslationRequest, *, around: Surroundings | None = None
    ) -> TranslationPlan:
        """Decide, or refuse, everything that needs no model.

        A text that is detected to be in the target language is answered as it is. A `source_lang`
        that equals `target_lang` is refused: no model translates such a pair. `around` tells of the
        texts that came before, if they belong together.

        Raises:
            ApiError, ModelError: the request cannot be answered.
        """
        check_texts(request.text, self._settings)
        models = self._registry.translators(request.model)
        target = self._registry.language("target_lang", request.target_lang)
        markup = None if request.markup is None else tuple(map(request.markup.parse, request.text))
        if request.source_lang is None:
            sources = detected_sources(
                request.text if markup is None else [document.visible for document in markup],
                target,
                among=models,
                registry=self._registry,
                detector=self._detector,
                around=around,
            )
        else:
            lang = self._registry.language("source_lang", request.source_lang)
            model = self._registry.for_pair(lang, target, among=models)
            sources = (Source(lang=lang, detected=False, model=model),) * len(request.text)
        if request.glossary is not None:
            for source in (each for each in sources if not each.is_answer):
                check_pair(request.glossary, source.lang, target, detected=source.detected)
        plan = TranslationPlan(
            request=request,
            target_lang=target,
            sources=sources,
            params=tuple(params_for(source.model, request.overrides) for source in sources),
            markup=markup,
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


async def _translate(
    plan: TranslationPlan, index: int, generation: Generation, *, emit: Emit | None
) -> ItemAnswer:
    request, source, text = plan.request, plan.sources[index], plan.request.text[index]
    translator = SegmentTranslator(
        attempts=Attempts(
            generation=generation,
            model=source.model,
            task=Translation(plan.target_lang, source.lang),
            with_links=request.return_links,
            with_confidence=request.return_confidence,
        ),
        params=plan.params[index],
        glossary=request.glossary,
    )
    if source.is_answer and request.split != "verbatim":
        layout = Layout(Document(text, ()), ())
    else:
        markup = None
        if plan.markup is not None:
            markup = await _with_attributes(plan.markup[index], request, translator)
        layout = await lay_out(text, markup=markup, **_cutting(request, translator))

    async def answer_segment(position: int, on_text: OnText | None) -> SegmentAnswer:
        prefix = request.target_prefix if position == 0 else None
        return await translator.answer(layout.sources[position], prefix=prefix, on_text=on_text)

    item = Item(
        index=index,
        document=layout.document,
        streams_tokens=translator.streams_tokens,
        with_scores=request.return_scores,
        source_lang=source.lang,
        detected=source.detected,
        has_markup=request.markup is not None,
    )
    return await answer(item, answer_segment, emit=emit)


async def _with_attributes(
    document: MarkupDocument, request: TranslationRequest, translator: SegmentTranslator
) -> MarkupDocument:
    """Return the document with the attributes translated that the client named."""
    values = [_translated(value.text, request, translator) for value in document.attributes]
    return document.with_attributes(await all_or_nothing(values))


async def _translated(text: str, request: TranslationRequest, translator: SegmentTranslator) -> str:
    """Return the translation of a text besides the item's own."""
    layout = await lay_out(text, markup=None, **_cutting(request, translator))
    answers = await all_or_nothing([translator.answer(each) for each in layout.sources])
    return layout.document.reassemble([answer.outputs[0].text for answer in answers])


def _cutting(request: TranslationRequest, translator: SegmentTranslator) -> Cutting:
    attempts = translator.attempts
    fits = partial(attempts.generation.fits, attempts.model, task=attempts.task)
    return {
        "mode": request.split,
        "language": attempts.task.source_lang or "en",
        "fits": fits if request.on_overflow == "split" else None,
    }
