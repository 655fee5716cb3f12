"""Score a given output of a text: how probable the model finds each of its tokens.

The text is one segment, as the model would read it: without outer white space, and for a summary
with each white space inside a single blank. The output is taken as it is.
"""

from dataclasses import dataclass

from model.tokenizer.prompt import Task, Translation
from service.backend import Backend, ModelInfo
from service.deadline import Deadline
from service.errors import TextTooLongError
from service.scores import Scored, ScoreRequest
from service.settings import Settings
from service.tasks.records import SummaryRequest, TranslationRequest
from service.tasks.registry import ModelRegistry
from service.tasks.summarization import Summarizer
from service.tasks.translation import Translator


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslationOf:
    """The output is a translation; without `source_lang` the text's language is detected."""

    target_lang: str
    source_lang: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryOf:
    """The output is a summary; without `style` in the model's first."""

    style: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringRequest:
    """A text, an output of it, and what kind of output that is."""

    request_id: str
    text: str
    output: str
    kind: TranslationOf | SummaryOf
    deadline: Deadline
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringPlan:
    """A checked request with the model that scores it."""

    model: ModelInfo
    request: ScoreRequest

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """The model; to be held until the answer is complete."""
        return (self.model,)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringAnswer:
    """The scores, and the name of the model that gave them."""

    model: str
    scored: Scored


class OutputScorer:
    """Scores outputs by the models that would have generated them."""

    def __init__(
        self,
        backend: Backend,
        settings: Settings,
        *,
        registry: ModelRegistry,
        translator: Translator,
        summarizer: Summarizer,
    ) -> None:
        self._backend = backend
        self._settings = settings
        self._registry = registry
        self._translator = translator
        self._summarizer = summarizer

    def plan(self, request: ScoringRequest) -> ScoringPlan:
        """Decide, or refuse, everything that needs no model, as for a generation.

        Raises:
            ApiError, ModelError: the request cannot be answered.
        """
        limit = self._settings.max_text_characters
        if len(request.output) > limit:
            raise TextTooLongError(num_characters=len(request.output), limit=limit, field="output")
        if isinstance(request.kind, TranslationOf):
            model, task = self._translating(request, request.kind)
            text = request.text.strip()
        else:
            model, task = self._summarizing(request, request.kind)
            text = " ".join(request.text.split())
        scored = ScoreRequest(
            request_id=request.request_id,
            model=model.handle,
            text=text,
            task=task,
            output=request.output,
            deadline=request.deadline,
        )
        return ScoringPlan(model=model, request=scored)

    async def run(self, plan: ScoringPlan) -> ScoringAnswer:
        """Return the scores.

        Raises:
            ModelError: as `Backend.score` does.
        """
        async with plan.request.deadline.enforced():
            scored = await self._backend.score(plan.request)
        return ScoringAnswer(model=plan.model.name, scored=scored)

    def _translating(self, request: ScoringRequest, kind: TranslationOf) -> tuple[ModelInfo, Task]:
        plan = self._translator.plan(
            TranslationRequest(
                request_id=request.request_id,
                text=(request.text,),
                deadline=request.deadline,
                model=request.model,
                target_lang=kind.target_lang,
                source_lang=kind.source_lang,
            )
        )
        (source,) = plan.sources
        model = source.model
        if source.is_answer:  # such a text is translated by no model: refuse it, with the reason
            among = self._registry.translators(request.model)
            model = self._registry.for_pair(source.lang, plan.target_lang, among=among)
        return model, Translation(plan.target_lang, source.lang)

    def _summarizing(self, request: ScoringRequest, kind: SummaryOf) -> tuple[ModelInfo, Task]:
        plan = self._summarizer.plan(
            SummaryRequest(
                request_id=request.request_id,
                text=(request.text,),
                deadline=request.deadline,
                model=request.model,
                style=kind.style,
            )
        )
        return plan.summarizer, plan.task
