"""Translate and summarize without a server: what the API does, for texts of the command line."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from model.engine.params import Priority
from model.tokenizer.prompt import Task, Translation
from service.backend import Backend, GenerateRequest, ModelInfo
from service.bulk.recorder import Recorder, TokenIds
from service.settings import Settings
from service.tasks.directory import Directory
from service.tasks.requests import Options
from service.tasks.schemas import SummarizeRequest, TranslateRequest
from service.tasks.summarization import Summarizer
from service.tasks.translation import Translator
from service.text.languages import Detector

NO_LIMIT = 1 << 40
TIMEOUT_MS = 24 * 3_600 * 1_000  # nobody waits at the other end
SEGMENTS_AT_ONCE = 8  # of one text; times `texts.MAX_PENDING` they stay within the engine's queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one text; `output_ids` are without special tokens."""

    text: str
    score: float | None
    output_ids: TokenIds
    source_lang: str | None
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line asks for, the same for every text.

    `overrides` holds only the generation parameters that were given. Without `is_split` a text
    goes to the model as it is; with it, as the API would give it.
    """

    model: str | None
    overrides: Mapping[str, Any]
    is_split: bool

    def fields(self, text: str) -> dict[str, Any]:
        """The wish as fields of an API request."""
        return {
            "text": text,
            "model": self.model,
            "priority": Priority.BULK.value,
            "return": ["scores"],
            **self.overrides,
        }


def unlimited(settings: Settings) -> Settings:
    """The settings without the limits that protect a server from its clients."""
    return settings.model_copy(
        update={
            "max_text_characters": NO_LIMIT,
            "default_timeout_ms": TIMEOUT_MS,
            "max_timeout_ms": TIMEOUT_MS,
            "max_segments_in_flight": SEGMENTS_AT_ONCE,
        }
    )


class OfflineTranslator:
    """Answers a text with its translation."""

    def __init__(
        self, backend: Backend, settings: Settings, *, wish: Wish, target: str, source: str | None
    ) -> None:
        self._recorder = Recorder(backend)
        directory = Directory(backend.models)
        detector = Detector(lambda: directory.languages)
        self._translator = Translator(
            self._recorder, settings, directory=directory, detector=detector
        )
        self._wish = wish
        self._languages = {"target_lang": target, "source_lang": source}
        self._ids = map(str, count())

    async def __call__(self, text: str) -> Answer:
        """The answer to one text.

        Raises:
            ApiError, ModelError: The text cannot be translated; the sentence says why.
        """
        body = TranslateRequest.model_validate({**self._wish.fields(text), **self._languages})
        plan = self._translator.plan(body, request_id=next(self._ids))
        if not self._wish.is_split:
            source = plan.sources[0]
            task = Translation(plan.target_lang, source.lang)
            return await as_it_is(self._recorder, plan.options, source.model, task)
        response, _ = await self._translator.run(plan, None)
        item = response.translations[0]
        parts = self._recorder.take(plan.options.request_id)
        return Answer(
            text=item.text,
            score=item.score,
            output_ids=tuple(token_id for ids in parts for token_id in ids),
            source_lang=item.source_lang,
            model=response.model,
        )


class OfflineSummarizer:
    """Answers a text with its summary."""

    def __init__(
        self, backend: Backend, settings: Settings, *, wish: Wish, style: str | None
    ) -> None:
        self._recorder = Recorder(backend)
        directory = Directory(backend.models)
        self._summarizer = Summarizer(self._recorder, settings, directory=directory)
        self._wish, self._style = wish, style
        self._ids = map(str, count())

    async def __call__(self, text: str) -> Answer:
        """The answer to one text.

        Raises:
            ApiError, ModelError: The text cannot be summarized; the sentence says why.
        """
        body = SummarizeRequest.model_validate({**self._wish.fields(text), "style": self._style})
        plan = self._summarizer.plan(body, request_id=next(self._ids))
        if not self._wish.is_split:
            return await as_it_is(self._recorder, plan.options, plan.summarizer, plan.task)
        response, _ = await self._summarizer.run(plan, None)
        item = response.summaries[0]
        parts = self._recorder.take(plan.options.request_id)
        return Answer(
            text=item.text,
            score=item.score,
            output_ids=parts[-1] if parts else (),  # before it, those of parts of a long text
            source_lang=None,
            model=response.model,
        )


async def as_it_is(recorder: Recorder, options: Options, model: ModelInfo, task: Task) -> Answer:
    """The model's own output for a text, in one piece."""
    request = GenerateRequest(
        request_id=options.request_id,
        model=model.handle,
        text=options.texts[0],
        task=task,
        overrides=options.overrides,
        return_scores=True,
        priority=options.priority,
        timeout_s=options.timeout_s,
    )
    best = (await recorder.finished(request)).outputs[0]
    recorder.take(options.request_id)
    return Answer(
        text=best.text,
        score=best.score,
        output_ids=best.token_ids,
        source_lang=task.source_lang if isinstance(task, Translation) else None,
        model=model.name,
    )
