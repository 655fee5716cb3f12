"""Translate and summarize the texts of the command line, by the tasks that the API uses."""

from dataclasses import dataclass
from itertools import count

from model.engine.params import Priority
from service.backend import NO_OVERRIDES, Backend, ParamOverrides
from service.deadline import Deadline
from service.settings import Settings
from service.tasks.records import SummaryRequest, TaskAnswer, TaskFields, TranslationRequest
from service.tasks.registry import ModelRegistry
from service.tasks.sources import Surroundings
from service.tasks.summarization import Summarizer
from service.tasks.translation import Translator
from service.text.detection import Detector
from service.text.documents import Mode

NO_LIMIT = 1 << 40
TIMEOUT_MS = 24 * 3_600 * 1_000  # no client waits for it
_numbers = count(1)
SEGMENTS_AT_ONCE = 8  # of one text; times `texts.MAX_PENDING` they stay within the engine's queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One text's answer; `output_ids` are without special tokens."""

    text: str
    score: float | None
    output_ids: tuple[int, ...]
    source_lang: str | None
    model: str

    @classmethod
    def of(cls, answer: TaskAnswer) -> "Answer":
        """Return the answer to a request of one text."""
        (item,) = answer.items
        return cls(
            text=item.text,
            score=item.score,
            output_ids=item.token_ids,
            source_lang=item.source_lang,
            model=answer.model,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOptions:
    """Options that all texts share.

    With `verbatim` a text is one segment, unchanged; otherwise it is split as by the API.
    """

    model: str | None = None
    overrides: ParamOverrides = NO_OVERRIDES
    verbatim: bool = False

    def fields(self, text: str, *, split: Mode) -> TaskFields:
        """Return the fields of a request of one text that arrives now; `split` is the usual one."""
        return {
            "request_id": f"bulk-{next(_numbers)}",  # each text takes turns with the others
            "text": (text,),
            "deadline": Deadline.after(TIMEOUT_MS),
            "model": self.model,
            "split": "verbatim" if self.verbatim else split,
            "overrides": self.overrides,
            "target_prefix": None,
            "return_scores": True,
            "return_confidence": False,
            "on_overflow": "error" if self.verbatim else "split",
            "priority": Priority.BULK,
        }


def unlimited(settings: Settings) -> Settings:
    """Return the settings without the limits that protect a server from its clients."""
    return settings.model_copy(
        update={"max_text_characters": NO_LIMIT, "max_segments_in_flight": SEGMENTS_AT_ONCE}
    )


class BulkTranslator:
    """Translates one text at a call; calls may overlap.

    The languages of the texts before help to tell that of a short one.
    """

    def __init__(
        self,
        backend: Backend,
        settings: Settings,
        *,
        options: BulkOptions,
        target: str,
        source: str | None,
    ) -> None:
        registry = ModelRegistry(backend.models)
        detector = Detector(lambda: registry.languages)
        self._translator = Translator(backend, settings, registry=registry, detector=detector)
        self._options = options
        self._target, self._source = target, source
        self._before = Surroundings()

    async def __call__(self, text: str) -> Answer:
        """Return the translation of one text.

        Raises:
            ApiError, ModelError: The text cannot be translated; the sentence says why.
        """
        fields = self._options.fields(text, split="sentences")
        request = TranslationRequest(**fields, target_lang=self._target, source_lang=self._source)
        plan = self._translator.plan(request, around=self._before)
        return Answer.of(await self._translator.run(plan))


class BulkSummarizer:
    """Summarizes one text at a call; calls may overlap."""

    def __init__(
        self, backend: Backend, settings: Settings, *, options: BulkOptions, style: str | None
    ) -> None:
        registry = ModelRegistry(backend.models)
        self._summarizer = Summarizer(backend, settings, registry=registry)
        self._options, self._style = options, style

    async def __call__(self, text: str) -> Answer:
        """Return the summary of one text.

        Raises:
            ApiError, ModelError: The text cannot be summarized; the sentence says why.
        """
        fields = self._options.fields(text, split="none")
        plan = self._summarizer.plan(SummaryRequest(**fields, style=self._style))
        return Answer.of(await self._summarizer.run(plan))
