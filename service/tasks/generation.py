"""The segments of one HTTP request at the backend: bounded, counted, and cancelled together."""

import asyncio
import itertools
import unicodedata
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from model.engine.params import FinishReason
from model.errors import DeadlineExceededError, EngineStoppedError, QueueFullError
from model.tokenizer.prompt import Task
from service.backend import Backend, Event, FinishedEvent, GenerateRequest, ModelInfo
from service.tasks.requests import Options
from service.tasks.schemas import Usage

T = TypeVar("T")

OnText = Callable[[str], None]

_SPARE_TOKENS = 8  # a prefix may be cut otherwise where a text follows it
_MAX_TOKEN_BYTES = 64  # more than a piece has; only runs of blanks or of unknown characters do
_numbers = itertools.count()  # makes the ids of segments unique, whatever ids the clients send


@dataclass(slots=True)
class Spent:
    """What a request has used so far; times are those of its slowest segment."""

    input_tokens: int = 0
    output_tokens: int = 0
    queue_s: float = 0.0
    inference_s: float = 0.0

    def add(self, event: FinishedEvent) -> None:
        """Count one finished segment."""
        self.input_tokens += event.input_tokens
        self.output_tokens += event.output_tokens
        self.queue_s = max(self.queue_s, event.queue_s)
        self.inference_s = max(self.inference_s, event.inference_s)


class Generation:
    """Runs the segments of one HTTP request, so many at a time, within its time."""

    def __init__(self, backend: Backend, options: Options, *, max_in_flight: int) -> None:
        self.spent = Spent()
        self._backend = backend
        self._options = options
        self._around: dict[tuple[str, Task], int] = {}  # tokens, by model and task
        self._places = asyncio.Semaphore(max_in_flight)
        self._deadline_s = asyncio.get_running_loop().time() + options.timeout_s

    async def within_time(self, work: Awaitable[T]) -> T:
        """The result of `work`, or the request's own deadline as an error."""
        try:
            async with asyncio.timeout_at(self._deadline_s):
                return await work
        except (TimeoutError, DeadlineExceededError):
            raise DeadlineExceededError(timeout_ms=self._options.timeout_s * 1_000) from None

    async def run(
        self, model: ModelInfo, text: str, task: Task, *, prefix: str | None, on_text: OnText | None
    ) -> FinishedEvent:
        """One segment's answer; its text goes to `on_text` piece by piece, if given."""
        async with self._places:
            request = self._request(model, text, task, prefix=prefix, stream=on_text is not None)
            finished = await self._last_event(request, on_text)
        self.spent.add(finished)
        return finished

    async def fits(self, model: ModelInfo, text: str, task: Task) -> bool:
        """The model reads `text` whole; measured only where its length leaves a doubt."""
        most = _max_tokens(text) + await self._tokens_around(model, task)
        if most <= model.max_input_tokens:
            return True
        if most > model.max_input_tokens * _MAX_TOKEN_BYTES:
            return False
        return await self.count_tokens(model, text, task) <= model.max_input_tokens

    async def _tokens_around(self, model: ModelInfo, task: Task) -> int:
        """What stands beside any text at most: special tokens, and a prefix as T5 has."""
        key = model.handle, task
        if key not in self._around:
            self._around[key] = await self.count_tokens(model, "", task) + _SPARE_TOKENS
        return self._around[key]

    async def count_tokens(self, model: ModelInfo, text: str, task: Task) -> int:
        """Encoder tokens of `text`, special tokens included."""
        return await self._backend.count_tokens(model.handle, text, task)

    @property
    def usage(self) -> Usage:
        """What the request cost so far, as the client sees it."""
        return Usage(
            input_characters=self._options.num_characters,
            input_tokens=self.spent.input_tokens,
            output_tokens=self.spent.output_tokens,
        )

    def _request(
        self, model: ModelInfo, text: str, task: Task, *, prefix: str | None, stream: bool
    ) -> GenerateRequest:
        options = self._options
        left_s = self._deadline_s - asyncio.get_running_loop().time()
        return GenerateRequest(
            request_id=f"{options.request_id}#{next(_numbers)}",
            model=model.handle,
            text=text,
            task=task,
            overrides=options.overrides,
            target_prefix=prefix,
            return_scores="scores" in options.parts,
            on_overflow=options.backend_overflow,
            priority=options.priority,
            timeout_s=max(left_s, 0.001),
            stream=stream,
        )

    async def _last_event(self, request: GenerateRequest, on_text: OnText | None) -> FinishedEvent:
        events = cast("AsyncGenerator[Event, None]", self._backend.generate(request))
        async with aclosing(events):
            async for event in events:
                if isinstance(event, FinishedEvent):
                    return _whole(event, timeout_s=request.timeout_s)
                if on_text is not None:
                    on_text(event.text)
        raise EngineStoppedError("the engine ended a request without an answer")


def admit(backend: Backend, models: Iterable[ModelInfo], *, max_waiting: int) -> None:
    """Turn a request away at once when nothing more can be queued for one of its models.

    Raises:
        QueueFullError: no place is free.
    """
    for model in {model.handle: model for model in models}.values():
        if backend.num_free_places(model.handle) <= 0:
            limit = model.max_waiting or max_waiting
            raise QueueFullError(num_waiting=limit, limit=limit)


def within_queues(max_in_flight: int, models: Iterable[ModelInfo]) -> int:
    """So many segments of a request at once, or fewer: it must not overfill a queue by itself."""
    limits = [model.max_waiting for model in models if model.max_waiting is not None]
    return min([max_in_flight, *limits])


async def all_or_nothing(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """The results in order; the first failure cancels the rest and is raised by itself."""
    if len(work) == 1:
        return [await work[0]]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
    except BaseExceptionGroup as failures:
        raise _first(failures) from None
    return [task.result() for task in tasks]


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _whole(event: FinishedEvent, *, timeout_s: float) -> FinishedEvent:
    """The event, unless the engine gave up on its segment: a part is never taken for an answer."""
    if event.finish_reason is FinishReason.DEADLINE:
        raise DeadlineExceededError(timeout_ms=timeout_s * 1_000)
    if event.finish_reason is FinishReason.ABORTED:
        raise EngineStoppedError("the engine gave up a request before its answer was complete")
    return event


def _max_tokens(text: str) -> int:
    """No tokenizer makes more tokens than bytes, of the text as it is or as it is normalised."""
    if text.isascii():
        return len(text)
    return max(len(text.encode()), len(unicodedata.normalize("NFKC", text).encode()))
