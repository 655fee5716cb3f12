"""Translate and summarize without a server: texts in, answers out in the same order."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar, cast

from model.errors import EngineStoppedError
from model.tokenizer.prompt import Summarization, Task, Translation
from service.backend import Backend, Event, FinishedEvent, GenerateRequest, ModelInfo
from service.directory import Directory
from service.languages import Detector
from service.schemas import SummarizeRequest, TranslateRequest
from service.settings import Settings
from service.summarization import Summarizer
from service.translation import Translator

T = TypeVar("T")

NO_LIMIT = 1 << 40
TIMEOUT_MS = 24 * 3_600 * 1_000  # nobody waits at the other end
MAX_PENDING = 64  # texts at once, of up to SEGMENTS_AT_ONCE segments each: within the engine's queue
SEGMENTS_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one text; `output_ids` are without special tokens."""

    text: str
    score: float | None
    output_ids: tuple[int, ...]
    source_lang: str | None
    model: str


Answerer = Callable[[str], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line asks for, the same for every text.

    `overrides` holds only the generation parameters that were given.
    """

    model: str | None
    overrides: Mapping[str, Any]
    is_split: bool  # at sentence ends, as the API does; else a text goes to the model as it is


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
    """Answers texts with their translations.

    Raises (from its call):
        ApiError, ModelError: The text cannot be translated; the sentence says why.
    """

    def __init__(
        self, backend: Backend, settings: Settings, *, wish: Wish, target: str, source: str | None
    ) -> None:
        self._recorder = Recorder(backend)
        self._directory = Directory(backend.models())
        self._translator = Translator(
            self._recorder,
            settings,
            directory=self._directory,
            detector=Detector(self._directory.languages),
        )
        self._wish, self._target, self._source = wish, target, source
        self._ids = map(str, count())

    async def __call__(self, text: str) -> Answer:
        request_id = next(self._ids)
        plan = self._translator.plan(self._request(text), request_id=request_id)
        if not self._wish.is_split:
            (source,) = plan.sources
            task = Translation(plan.target_lang, source.lang)
            return await self._recorder.as_it_is(source.model, text, task, wish=self._wish)
        response, _ = await self._translator.run(plan, None)
        (item,) = response.translations
        return Answer(
            text=item.text,
            score=item.score,
            output_ids=self._recorder.take_all(request_id),
            source_lang=item.source_lang,
            model=response.model,
        )

    def _request(self, text: str) -> TranslateRequest:
        return TranslateRequest(
            text=text,
            model=self._wish.model,
            target_lang=self._target,
            source_lang=self._source,
            priority="bulk",
            **{"return": ["scores"], **self._wish.overrides},
        )


class OfflineSummarizer:
    """Answers texts with their summaries.

    Raises (from its call):
        ApiError, ModelError: The text cannot be summarized; the sentence says why.
    """

    def __init__(
        self, backend: Backend, settings: Settings, *, wish: Wish, style: str | None
    ) -> None:
        self._recorder = Recorder(backend)
        directory = Directory(backend.models())
        self._summarizer = Summarizer(self._recorder, settings, directory=directory)
        self._wish, self._style = wish, style
        self._ids = map(str, count())

    async def __call__(self, text: str) -> Answer:
        request_id = next(self._ids)
        plan = self._summarizer.plan(self._request(text), request_id=request_id)
        if not self._wish.is_split:
            model, task = plan.summarizer, plan.task
            return await self._recorder.as_it_is(model, text, task, wish=self._wish)
        response, _ = await self._summarizer.run(plan, None)
        (item,) = response.summaries
        return Answer(
            text=item.text,
            score=item.score,
            output_ids=self._recorder.take_last(request_id),
            source_lang=None,
            model=response.model,
        )

    def _request(self, text: str) -> SummarizeRequest:
        return SummarizeRequest(
            text=text,
            model=self._wish.model,
            style=self._style,
            priority="bulk",
            **{"return": ["scores"], **self._wish.overrides},
        )
