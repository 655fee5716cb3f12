"""One model in memory: text in, text out, over an engine in a thread of its own."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from model.engine.block_pool import most_blocks
from model.engine.engine import Engine
from model.engine.params import GenerationParams
from model.engine.request import RequestOutput
from model.errors import InvalidParamsError, UnsupportedTaskError
from model.load import load_model
from model.request_params import default_max_new_tokens, merge_params
from model.scoring.forced_pass import ForcedPass
from model.tokenizer.detokenizer import IncrementalDetokenizer
from model.tokenizer.prompt import Prompt, Summarization, Task, Translation
from service.backend import Event, FinishedEvent, GenerateRequest, ModelInfo, Output, TokenEvent
from service.catalogue.catalogue import CatalogueError, ModelEntry
from service.hosting.async_engine import AsyncEngine
from service.hosting.cores import threads_per_replica
from service.hosting.engine_request import EngineRequest
from service.hosting.file_hashes import check_hashes
from service.hosting.fitting import fitted
from service.hosting.profile import (
    CheckpointInfo,
    defaults_of,
    device_of,
    dtype_of,
    positions_of,
    profile_of,
)
from service.hosting.recent_prompts import RecentPrompts
from service.hosting.score_queue import ScoreQueue
from service.hosting.scoring import Scorer
from service.hosting.stand_ins import find_stand_ins
from service.hosting.warm_up import rounds
from service.pairs import Pairs
from service.scores import Scored, ScoreRequest
from service.settings import Settings
from service.sources.locate import locate
from service.spans import Span
from service.telemetry.log import get_logger
from service.telemetry.metrics import EngineMetrics

MAX_PREFIX_TOKENS = 256

logger = get_logger(__name__)


class ModelHost:
    """A loaded model: its tokenizer, its engine, and the `ModelInfo` that describes it."""

    def __init__(self, entry: ModelEntry, settings: Settings) -> None:
        """Load the model.

        Raises:
            ModelError: It cannot be loaded, or not as the catalogue says.
        """
        source = locate(entry.path, revision=entry.revision, settings=settings)
        check_hashes(source, entry)
        self._entry = entry
        self._loaded = load_model(
            source.folder,
            dtype=dtype_of(entry, settings),
            device=device_of(entry, settings),
            max_positions=positions_of(source, entry),
        )
        profile = profile_of(entry, settings, CheckpointInfo.of_loaded(self._loaded), source=source)
        self.info: ModelInfo = profile.info
        self._check_tags()
        self._config = profile.engine
        engine = Engine(
            self._loaded.network,
            self._loaded.rules,
            self._config,
            cache_dtype=self._loaded.cache_dtype,
        )
        if entry.warm_up:
            engine.warm_up(widths=(1, self.info.default_num_beams), on_progress=self._log_progress)
        self._metrics = EngineMetrics(entry.name)
        forced = ForcedPass(self._loaded.network, self._loaded.rules, self._config)
        self._recent_prompts = RecentPrompts(
            self._prompt, max_tokens=self._config.max_source_tokens
        )
        self._scorer = Scorer(
            self._loaded, entry, forced, prompt_of=self._recent_prompts, task=next(self._tasks())
        )
        self.engine = AsyncEngine(
            engine,
            ScoreQueue(forced, max_waiting=self._config.max_waiting),
            num_threads=threads_per_replica(settings),
            metrics=self._metrics,
        )
        self._ids = itertools.count()  # the engine takes each id once, whatever clients send

    @property
    def num_longest_rows(self) -> int:
        """Outputs of maximal length, each with a source of maximal length, that fit together."""
        limits, stats = self._config, self.engine.stats
        per_row = most_blocks(
            num_source_tokens=limits.max_source_tokens,
            num_target_tokens=limits.max_target_tokens,
            num_rows=1,
        )
        return min(stats.max_rows, stats.max_blocks // per_row)

    @property
    def dtype_reason(self) -> str:
        """Why `dtype: auto` became the type of the weights; empty if the type was asked for."""
        return self._loaded.precision.reason

    def warm_up(self, texts: tuple[str, ...] = ()) -> None:
        """Answer a few requests of our own before the first client's.

        They are not counted in the metrics. Must not be called where an event loop runs.

        Raises:
            ModelError: The model cannot answer.
        """
        with self._metrics.paused():
            asyncio.run(self._answer_all(texts))

    def find_stand_ins(self) -> None:
        """Put into `info` the stand-ins that the model copies, unless the catalogue names some.

        As `warm_up`, its requests are not counted, and it must not be called where a loop runs.
        """
        if self._entry.stand_ins is None:
            with self._metrics.paused():
                names = asyncio.run(find_stand_ins(self.info, self.generate))
            self.info = replace(self.info, stand_ins=names)

    def _log_progress(self, num_done: int, num_parts: int) -> None:
        """Log each quarter, as recording may take a minute."""
        if 4 * num_done // num_parts > 4 * (num_done - 1) // num_parts:
            logger.info("steps recorded", model=self._entry.name, done=num_done, of=num_parts)

    async def _answer_all(self, texts: tuple[str, ...]) -> None:
        for requests in rounds(self.info, texts):
            fitting = requests[: self._config.max_waiting]
            await asyncio.gather(*map(self._finish, fitting))

    async def _finish(self, request: GenerateRequest) -> None:
        async with aclosing(self.generate(request)) as events:
            async for _ in events:
                pass

    def num_input_tokens(self, text: str, task: Task) -> int:
        """Return the encoder tokens of a text, special ones included."""
        return len(self._recent_prompts(text, task).encoder_ids)

    def unknown_spans(self, text: str) -> tuple[Span, ...]:
        """Return what the vocabulary knows no characters for, as `Backend.unknown_spans` does."""
        return tuple(Span(*each) for each in self._loaded.tokenizer.unknown_spans(text))

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Event, None]:
        """Generate as `Backend.generate` does."""
        prompt, was_cut = fitted(
            self._recent_prompts(request.text, request.task),
            self._config.max_source_tokens,
            on_overflow=request.on_overflow,
        )
        params = self._params(request, prompt)
        is_streamed = request.stream and params.num_rows == 1
        outputs = self.engine.generate(
            EngineRequest(
                request_id=f"{request.request_id}/{next(self._ids)}",
                prompt=prompt,
                params=params,
                priority=request.priority,
                group=request.request_id,
                deadline=request.deadline,
                stream=is_streamed,
            )
        )
        detokenizer = IncrementalDetokenizer(self._loaded.tokenizer)
        unsent = params.target_prefix_ids  # until the engine has taken the request and answers
        async with aclosing(outputs):
            async for output in outputs:
                if is_streamed:
                    piece = "".join(map(detokenizer.push, (*unsent, *output.new_token_ids)))
                    unsent = ()
                    piece += detokenizer.flush() if output.finish_reason is not None else ""
                    if piece:
                        yield TokenEvent(piece)
                if output.finish_reason is not None:
                    yield self._finished(prompt, params, output, was_cut=was_cut)

    async def score(self, request: ScoreRequest) -> Scored:
        """Score as `Backend.score` does."""
        job = self._scorer.job(request)
        return self._scorer.scored(request, job.given, await self.engine.score(job))

    def stop(self) -> None:
        """End the engine's thread; unfinished requests get EngineStoppedError."""
        self.engine.stop()

    def _check_tags(self) -> None:
        """Raise CatalogueError for a language or style that the vocabulary has no tag for."""
        for key, tasks in (("pairs", _each_language(self.info.pairs)), ("styles", self._styles())):
            for task in tasks:
                try:
                    self._prompt("", task)
                except UnsupportedTaskError as error:
                    raise CatalogueError(f"{self._entry.at(key)}: {error}") from error

    def _tasks(self) -> Iterator[Task]:
        """Yield tasks in which each language and style is used; at least one."""
        yield from _each_language(self.info.pairs)
        yield from self._styles()
        yield Summarization()

    def _styles(self) -> Iterator[Task]:
        return map(Summarization, self.info.styles)

    def _prompt(self, text: str, task: Task) -> Prompt:
        return self._loaded.prompt(text, task, prefix=self._entry.prefix_for(task))

    def _params(self, request: GenerateRequest, prompt: Prompt) -> GenerationParams:
        """Return the client's parameters, filled up with the model's own defaults.

        Raises:
            InvalidParamsError: A parameter out of range, or a target_prefix that is too long.
        """
        fields = merge_params(self._defaults(request.task), request.overrides.given())
        prefix = tuple(self._loaded.tokenizer.encode_target(request.target_prefix or ""))
        if len(prefix) > MAX_PREFIX_TOKENS:
            raise InvalidParamsError(
                "target_prefix",
                f"has {len(prefix)} tokens; at most {MAX_PREFIX_TOKENS} are allowed",
            )
        if request.overrides.max_new_tokens is None:
            fields["max_new_tokens"] = default_max_new_tokens(
                fields["max_new_tokens"],
                prompt,
                request.task,
                num_prefix_tokens=len(prefix),
                max_target_tokens=self._config.max_target_tokens,
            )
        return GenerationParams(
            **fields, target_prefix_ids=prefix, return_scores=request.return_scores
        )

    def _defaults(self, task: Task) -> Mapping[str, Any]:
        """Return the model's default parameters; each of its tasks may have some of its own."""
        generation = self._loaded.generation_for(task)
        if generation == self._loaded.generation:
            return self.info.defaults
        return defaults_of(self._entry, generation, self._config)

    def _finished(
        self, prompt: Prompt, params: GenerationParams, output: RequestOutput, *, was_cut: bool
    ) -> FinishedEvent:
        assert output.timing is not None and output.finish_reason is not None  # noqa: PT018, S101
        special = self._loaded.tokenizer.special_ids
        return FinishedEvent(
            outputs=tuple(
                Output(
                    text=self._loaded.tokenizer.decode(hypothesis.token_ids),
                    token_ids=tuple(i for i in hypothesis.token_ids if i not in special),
                    score=hypothesis.score if params.return_scores else 0.0,
                )
                for hypothesis in output.hypotheses
            ),
            finish_reason=output.finish_reason,
            input_tokens=len(prompt.encoder_ids),
            output_tokens=sum(hypothesis.num_generated for hypothesis in output.hypotheses),
            truncated=was_cut or output.finish_reason == "length",
            queue_s=output.timing.queue_s,
            inference_s=output.timing.inference_s,
        )


def _each_language(pairs: Pairs) -> Iterator[Translation]:
    """Yield translations that use every source and every target once; not every pair of them."""
    for source in pairs.sources:
        yield from (Translation(target, source) for target in pairs.targets_of(source)[:1])
    for target in pairs.targets:
        yield from (Translation(target, source) for source in pairs.sources_of(target)[:1])
