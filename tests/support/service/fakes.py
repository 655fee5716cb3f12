"""Stand-ins that implement the service's protocols, deterministic and quick."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from model.engine.params import FinishReason
from model.errors import InputTooLongError, OutputTooLongError, QueueFullError
from model.request_params import merge_params
from model.tokenizer.prompt import Task, Translation
from service.backend import Event, FinishedEvent, GenerateRequest, ModelInfo, Output, TokenEvent
from service.deadline import Deadline
from service.errors import ModelNotFoundError
from service.pairs import NO_PAIRS, Pairs
from service.scores import Scored, ScoredToken, ScoreRequest
from service.spans import Link, Span
from service.tasks.records import TranslationRequest

TRANSLATOR = ModelInfo(
    name="fake/translate",
    tasks=("translation",),
    pairs=Pairs.of(pair for x in ("de", "fr", "es") for pair in (("en", x), (x, "en"))),
    max_input_tokens=64,
    max_new_tokens=64,
    default_num_beams=1,
    family="fake",
    num_parameters=7,
    dtype="float32",
    device="cpu",
)
SUMMARIZER = replace(
    TRANSLATOR,
    name="fake/summarize",
    tasks=("summarization",),
    pairs=NO_PAIRS,
    styles=("headline", "tldr"),
)


def make_request(text: str = "Hello", **changes: Any) -> TranslationRequest:
    """Return a translation from English to German; `changes` are its fields."""
    fields = {"source_lang": "en", "target_lang": "de", "deadline": Deadline.after(30_000)}
    return TranslationRequest(request_id="r", text=(text,), **{**fields, **changes})


def shout(text: str, task: Task) -> str:
    """Translate a text to capitals; summarize it to its first words."""
    if isinstance(task, Translation):
        return text.upper()
    return " ".join(text.split()[:3])


def link_words(source: str, target: str) -> tuple[Link, ...]:
    """Link equal words in order, whatever their case; without any, word i to word i."""
    sources, targets = word_spans(source), word_spans(target)
    left = list(sources)
    found: list[Link] = []
    for span in targets:
        word = target[span.start : span.stop].lower()
        place = next((s for s in left if source[s.start : s.stop].lower() == word), None)
        if place is not None:
            left.remove(place)
            found.append(Link(place, span, 1.0))
    return tuple(found) or tuple(Link(a, b, 1.0) for a, b in zip(sources, targets, strict=False))


def word_spans(text: str) -> list[Span]:
    """Return the spans of the words, cut at white space."""
    return [Span(*match.span()) for match in re.finditer(r"\S+", text)]


def same(text: str, task: Task) -> str:  # noqa: ARG001 - the type of an answer
    """Return the text unchanged."""
    return text


@dataclass
class FakeBackend:
    """Answers by `answer`; a token is a character read, a word (with its blank) written.

    It can be told to be slow or full or to fail, and remembers what it was asked and what was
    aborted.
    """

    served: Sequence[ModelInfo] = (TRANSLATOR,)
    answer: Callable[[str, Task], str] = shout
    links: Callable[[str, str], tuple[Link, ...]] = link_words  # of a source and an output
    num_beams: int | None = None  # of its own, which its info does not tell
    gate: asyncio.Event | None = None  # nothing is answered before it is set
    pause_s: float = 0.0  # before each token
    hang_after: int | None = None  # tokens after which nothing comes any more
    error: Exception | None = None  # raised for a text that holds `error_at`
    error_at: str = ""
    cuts: str | None = None  # texts that hold this lose the end of their output
    unknown: str = ""  # characters that no model knows
    places: int = 1_000
    alive: bool = True
    ready: bool = True
    finish_reason: FinishReason = FinishReason.STOP
    requests: list[GenerateRequest] = field(default_factory=list)
    scored: list[ScoreRequest] = field(default_factory=list)
    aborted: list[str] = field(default_factory=list)
    written: dict[tuple[str, tuple[int, ...]], str] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)
    num_running: int = 0
    most_running: int = 0

    def models(self) -> Sequence[ModelInfo]:
        return self.served

    def hold(self, models: Iterable[ModelInfo]) -> AbstractContextManager[None]:
        self.held += [model.handle for model in models]
        return nullcontext()

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Event, None]:
        self.requests.append(request)
        if self.num_running >= self.places:
            raise QueueFullError(num_waiting=self.num_running, limit=self.places)
        self.num_running += 1
        self.most_running = max(self.most_running, self.num_running)
        is_finished = False
        try:
            async for event in self._events(request):
                is_finished = isinstance(event, FinishedEvent)
                yield event
        except (GeneratorExit, asyncio.CancelledError):
            if not is_finished:
                self.aborted.append(request.request_id)
            raise
        finally:
            self.num_running -= 1

    async def score(self, request: ScoreRequest) -> Scored:
        """Give the words of the output -1, -2, ..., and its end the last; a token id is a word."""
        self.scored.append(request)
        if self.num_running >= self.places:
            raise QueueFullError(num_waiting=self.num_running, limit=self.places)
        self.num_running += 1
        try:
            if self.gate is not None:
                await self.gate.wait()
            return self._scored(request)
        except asyncio.CancelledError:
            self.aborted.append(request.request_id)
            raise
        finally:
            self.num_running -= 1

    async def count_tokens(self, model: str, text: str, task: Task) -> int:  # noqa: ARG002
        self._find(model)
        await asyncio.sleep(0)
        return len(text)

    def unknown_spans(self, model: str, text: str) -> tuple[Span, ...]:
        self._find(model)
        known = "".join(" " if char in self.unknown else "x" for char in text)
        return tuple(Span(*found.span()) for found in re.finditer(" +", known))

    def num_free_places(self, model: str) -> int:
        self._find(model)
        return self.places - self.num_running

    def is_alive(self) -> bool:
        return self.alive

    def is_ready(self) -> bool:
        return self.ready

    def _num_beams(self, request: GenerateRequest, model: ModelInfo) -> int:
        own = model.default_num_beams if self.num_beams is None else self.num_beams
        num_beams: int = merge_params({"num_beams": own}, request.overrides.given())["num_beams"]
        return num_beams

    def _scored(self, request: ScoreRequest) -> Scored:
        model, output = self._find(request.model), request.output
        if self.error is not None and self.error_at in request.text:
            raise self.error
        num_tokens, limit = len(request.text), model.max_input_tokens
        if num_tokens > limit and request.on_overflow == "error":
            raise InputTooLongError(num_tokens=num_tokens, limit_tokens=limit)
        if isinstance(output, str):
            text = output
        else:
            placeholder = " ".join(f"word{id_}" for id_ in output)
            text = self.written.get((request.text, output), placeholder)
        words = word_spans(text)
        if len(words) > model.max_new_tokens:
            raise OutputTooLongError(num_tokens=len(words), limit_tokens=model.max_new_tokens)
        spans = (*words, Span(len(text), len(text)))
        return Scored(
            text=text,
            tokens=tuple(ScoredToken(span, -float(i)) for i, span in enumerate(spans, start=1)),
            confidence=1 / len(spans),
            links=self.links(request.text[:limit], text) if request.with_links else (),
            input_tokens=min(num_tokens, limit),
        )

    def _find(self, handle: str) -> ModelInfo:
        for model in self.served:
            if model.handle == handle:
                return model
        raise ModelNotFoundError(handle, served=[model.name for model in self.served])

    async def _events(self, request: GenerateRequest) -> AsyncGenerator[Event, None]:
        if self.gate is not None:
            await self.gate.wait()
        model = self._find(request.model)
        text, truncated = request.text, len(request.text) > model.max_input_tokens
        if truncated and request.on_overflow == "error":
            raise InputTooLongError(num_tokens=len(text), limit_tokens=model.max_input_tokens)
        text = text[: model.max_input_tokens]
        whole = (request.target_prefix or "") + self.answer(text, request.task)
        tokens = [word + blank for word, blank in _words(whole)]
        streams_tokens = request.stream and self._num_beams(request, model) == 1
        for i, token in enumerate(tokens):
            await asyncio.sleep(self.pause_s)
            if i == self.hang_after:
                await asyncio.Event().wait()
            if self.error is not None and self.error_at in text:
                raise self.error
            if streams_tokens:
                yield TokenEvent(token)
        outputs = tuple(_outputs(whole, len(tokens), request))
        self.written.setdefault((request.text, outputs[0].token_ids), whole)
        yield FinishedEvent(
            outputs=outputs,
            finish_reason=self.finish_reason,
            input_tokens=len(text),
            output_tokens=len(tokens),
            truncated=truncated or (self.cuts is not None and self.cuts in text),
            queue_s=0.001,
            inference_s=0.002,
        )


def _words(text: str) -> list[tuple[str, str]]:
    return [(word, " " if i < text.count(" ") else "") for i, word in enumerate(text.split(" "))]


def _outputs(text: str, num_tokens: int, request: GenerateRequest) -> list[Output]:
    """Return `num_return` outputs with falling scores, each marked by its rank."""
    score = -1.0 if request.return_scores else 0.0
    return [
        Output(text + "'" * rank, tuple(range(num_tokens)), score * (rank + 1))
        for rank in range(request.overrides.num_return or 1)
    ]
