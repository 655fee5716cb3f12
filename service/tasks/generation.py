"""Run the segments of one request at the backend: bounded, counted, and cancelled together."""

import asyncio
import unicodedata
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeVar, cast

from model.errors import EngineStoppedError, QueueFullError
from model.tokenizer.prompt import Task
from service.backend import Backend, Event, FinishedEvent, GenerateRequest, ModelInfo
from service.scores import Scored, ScoreRequest
from service.spans import Span
from service.tasks.records import TaskRequest, Usage

T = TypeVar("T")

OnText = Callable[[str], None]

_SPARE_TOKENS = 8  # a prefix may be tokenized otherwise where a text follows it
_MAX_AT_ONCE = 256  # tasks of one request; more than the rows of a model
_MAX_TOKEN_BYTES = 64  # more than a piece has; only runs of blanks or of unknown characters do


class Generation:
    """Runs the segments of one request, at most `max_in_flight` at a time."""

    def __init__(self, backend: Backend, request: TaskRequest, *, max_in_flight: int) -> None:
        self._backend = backend
        self._request = request
        self._num_added_tokens: dict[tuple[str, Task], int] = {}  # by model and task
        self.max_in_flight = max_in_flight
        self._places = asyncio.Semaphore(max_in_flight)
        self._input_tokens = self._output_tokens = 0
        self._queue_s = self._inference_s = 0.0

    async def run(
        self,
        model: ModelInfo,
        text: str,
        task: Task,
        *,
        prefix: str | None,
        on_text: OnText | None,
        num_return: int | None = None,
    ) -> FinishedEvent:
        """Return one segment's outputs; pass pieces of text to `on_text` as they come.

        `num_return`: the number of outputs, if it is not the request's.
        """
        request = self._request
        overrides = request.overrides
        if num_return is not None:
            overrides = replace(overrides, num_return=num_return)
        async with self._places:
            finished = await self._finished(
                GenerateRequest(
                    request_id=request.request_id,
                    model=model.handle,
                    text=text,
                    task=task,
                    deadline=request.deadline,
                    overrides=overrides,
                    target_prefix=prefix,
                    return_scores=request.return_scores,
                    on_overflow=request.backend_overflow,
                    priority=request.priority,
                    stream=on_text is not None,
                ),
                on_text,
            )
        self._input_tokens += finished.input_tokens
        self._output_tokens += finished.output_tokens
        self._queue_s = max(self._queue_s, finished.queue_s)
        self._inference_s = max(self._inference_s, finished.inference_s)
        return finished

    async def score(
        self,
        model: ModelInfo,
        text: str,
        task: Task,
        *,
        output: tuple[int, ...],
        with_links: bool,
    ) -> Scored:
        """Return the confidence, and the links if they are wanted, of one output of a segment."""
        request = self._request
        async with self._places:
            return await self._backend.score(
                ScoreRequest(
                    request_id=request.request_id,
                    model=model.handle,
                    text=text,
                    task=task,
                    output=output,
                    deadline=request.deadline,
                    on_overflow=request.backend_overflow,
                    priority=request.priority,
                    with_links=with_links,
                )
            )

    def unknown_spans(self, model: ModelInfo, text: str) -> tuple[Span, ...]:
        """Return the spans of `text` that the model cannot read."""
        return self._backend.unknown_spans(model.handle, text)

    async def fits(self, model: ModelInfo, text: str, task: Task) -> bool:
        """Return whether the model reads `text` whole; tokenize only if its length leaves doubt."""
        most = _max_tokens(text) + await self._added_tokens(model, task)
        if most <= model.max_input_tokens:
            return True
        if most > model.max_input_tokens * _MAX_TOKEN_BYTES:
            return False
        return await self.count_tokens(model, text, task) <= model.max_input_tokens

    async def count_tokens(self, model: ModelInfo, text: str, task: Task) -> int:
        """Return the encoder tokens of `text`, special tokens included."""
        return await self._backend.count_tokens(model.handle, text, task)

    @property
    def usage(self) -> Usage:
        """Counts and times of the segments that have finished."""
        return Usage(
            input_characters=self._request.num_characters,
            input_tokens=self._input_tokens,
            output_tokens=self._output_tokens,
            queue_s=self._queue_s,
            inference_s=self._inference_s,
        )

    async def _added_tokens(self, model: ModelInfo, task: Task) -> int:
        """Return the most tokens that the prompt adds to a text: special ones, T5's prefix."""
        key = model.handle, task
        if key not in self._num_added_tokens:
            num_tokens = await self.count_tokens(model, "", task)
            self._num_added_tokens[key] = num_tokens + _SPARE_TOKENS
        return self._num_added_tokens[key]

    async def _finished(self, request: GenerateRequest, on_text: OnText | None) -> FinishedEvent:
        events = cast("AsyncGenerator[Event, None]", self._backend.generate(request))
        async with aclosing(events):
            async for event in events:
                if isinstance(event, FinishedEvent):
                    return event
                if on_text is not None:
                    on_text(event.text)
        raise EngineStoppedError("the engine ended a request without an answer")


def admit(backend: Backend, models: Iterable[ModelInfo], *, max_waiting: int) -> None:
    """Refuse a request before any of its segments is queued, if a model's queue is full.

    Raises:
        QueueFullError: no place is free.
    """
    for model in {model.handle: model for model in models}.values():
        if backend.num_free_places(model.handle) <= 0:
            limit = model.max_waiting or max_waiting
            raise QueueFullError(num_waiting=limit, limit=limit)


def within_queues(max_in_flight: int, models: Iterable[ModelInfo]) -> int:
    """Return `max_in_flight`, or less if one request alone would overfill a model's queue."""
    limits = [model.max_waiting for model in models if model.max_waiting is not None]
    return min([max_in_flight, *limits])


async def all_or_nothing(
    work: Sequence[Coroutine[Any, Any, T]], *, at_once: int = _MAX_AT_ONCE
) -> list[T]:
    """Return the results in order; the first failure cancels the rest and is raised by itself.

    At most `at_once` run at a time, the first of them first, each in a task.
    """
    if len(work) == 1:
        return [await work[0]]
    results: dict[int, T] = {}
    waiting = iter(enumerate(work))

    async def take() -> None:
        for position, each in waiting:
            results[position] = await each
            await asyncio.sleep(0)  # other requests have a turn, even if no model was asked

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(work))):
                group.create_task(take())
    except BaseExceptionGroup as failures:
        raise _first(failures) from None
    finally:
        for _, each in waiting:
            each.close()
    return [results[position] for position in range(len(work))]


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _max_tokens(text: str) -> int:
    """Return an upper bound: no tokenizer makes more tokens than bytes, normalised or not."""
    if text.isascii():
        return len(text)
    return max(len(text.encode()), len(unicodedata.normalize("NFKC", text).encode()))
