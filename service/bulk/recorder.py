"""A backend that remembers the token ids of what passes through it."""

from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AbstractContextManager, aclosing
from typing import cast

from model.errors import EngineStoppedError
from model.tokenizer.prompt import Task
from service.backend import Backend, Event, FinishedEvent, GenerateRequest, ModelInfo

TokenIds = tuple[int, ...]


class Recorder:
    """Passes everything on to another backend and keeps the best output of each segment.

    The API's own answers have text only. The part of a request's id before `#` groups the segments
    of one text; they are kept in the order in which they began.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._outputs: defaultdict[str, dict[str, TokenIds]] = defaultdict(dict)

    def take(self, group: str) -> list[TokenIds]:
        """The outputs of one text's segments, which are then forgotten."""
        return list(self._outputs.pop(group, {}).values())

    async def finished(self, request: GenerateRequest) -> FinishedEvent:
        """The whole answer of one segment that is not streamed."""
        async with aclosing(self.generate(request)) as events:
            async for event in events:
                if isinstance(event, FinishedEvent):
                    return event
        raise EngineStoppedError("the engine ended a request without an answer")

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Event, None]:
        """The backend's own events."""
        outputs = self._outputs[request.request_id.partition("#")[0]]
        outputs[request.request_id] = ()
        events = cast("AsyncGenerator[Event, None]", self._backend.generate(request))
        async with aclosing(events):
            async for event in events:
                if isinstance(event, FinishedEvent):
                    outputs[request.request_id] = event.outputs[0].token_ids
                yield event

    def models(self) -> Sequence[ModelInfo]:
        return self._backend.models()

    def hold(self, models: Iterable[ModelInfo]) -> AbstractContextManager[None]:
        return self._backend.hold(models)

    async def count_tokens(self, model: str, text: str, task: Task) -> int:
        return await self._backend.count_tokens(model, text, task)

    def num_free_places(self, model: str) -> int:
        return self._backend.num_free_places(model)

    def is_alive(self) -> bool:
        return self._backend.is_alive()

    def is_ready(self) -> bool:
        return self._backend.is_ready()
