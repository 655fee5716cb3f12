"""A `Backend` whose models live in this process: tokenizers here, each engine in its own thread."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from model.engine.config import EngineConfig
from model.engine.engine import Engine
from model.engine.params import GenerationParams
from model.engine.request import RequestOutput
from model.errors import InputTooLongError, InvalidParamsError
from model.load import LoadedModel, load_model
from model.tokenizer.detokenizer import IncrementalDetokenizer
from model.tokenizer.prompt import Prompt, Task, Translation
from service.async_engine import AsyncEngine, EngineRequest
from service.backend import Event, FinishedEvent, GenerateRequest, ModelInfo, Output, TokenEvent
from service.catalogue import CatalogueError, ModelEntry
from service.cores import threads_per_replica
from service.metrics import EngineMetrics
from service.settings import Settings

FALLBACK_MAX_NEW_TOKENS = 256  # where neither checkpoint nor catalogue says
MAX_PREFIX_TOKENS = 256

_SAMPLING = ("temperature", "top_k", "top_p", "seed")


class ModelHost:
    """One model of the catalogue: its tokenizer, its engine, and what it can do."""

    def __init__(self, entry: ModelEntry, settings: Settings) -> None:
        self._loaded = load_model(
            entry.folder(),
            dtype=settings.dtype if entry.dtype == "auto" else entry.dtype,
            device=settings.device if entry.device == "auto" else entry.device,
        )
        config = _engine_config(entry, settings, self._loaded)
        self._config = config
        self._defaults = _defaults(entry, self._loaded, config)
        self.info = _describe(entry, self._loaded, config, self._defaults)
        engine = Engine(
            self._loaded.network,
            self._loaded.rules,
            config,
            cache_dtype=self._loaded.cache_dtype,
        )
        self.engine = AsyncEngine(
            engine,
            num_threads=threads_per_replica(settings),
            metrics=EngineMetrics(entry.name),
        )
        self._ids = itertools.count()

    def num_input_tokens(self, text: str, task: Task) -> int:
        """Encoder tokens of a text, special ones included."""
        return len(self._loaded.prompt(text, task).encoder_ids)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Event, None]:
        """As `Backend.generate`."""
        prompt, was_cut = self._fit(self._loaded.prompt(request.text, request.task), request)
        params = self._params(request, prompt)
        is_streamed = request.stream and params.num_rows == 1
        outputs = self.engine.generate(
            EngineRequest(
                request_id=f"{request.request_id}/{next(self._ids)}",
                prompt=prompt,
                params=params,
                priority=request.priority,
                timeout_s=request.timeout_s,
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

    def _fit(self, prompt: Prompt, request: GenerateRequest) -> tuple[Prompt, bool]:
        """The prompt as the model can read it, and whether its end was cut for that."""
        limit, num_tokens = self._config.max_source_tokens, len(prompt.encoder_ids)
        if num_tokens <= limit:
            return prompt, False
        if request.on_overflow == "error":
            raise InputTooLongError(num_tokens=num_tokens, limit_tokens=limit)
        *kept, _ = prompt.encoder_ids[:limit]
        return replace(prompt, encoder_ids=(*kept, prompt.encoder_ids[-1])), True  # ends as it did

    def _params(self, request: GenerateRequest, prompt: Prompt) -> GenerationParams:
        """What the client set, over the model's own defaults.

        Unless the client says otherwise, a translation ends at about twice the length of its
        source: a small model in a loop should not hold its rows up to the model's limit.

        Raises:
            InvalidParamsError: A parameter out of range, or a target_prefix that is too long.
        """
        fields = _merged(self._defaults, request.overrides)
        prefix = tuple(self._loaded.tokenizer.encode_target(request.target_prefix or ""))
        if len(prefix) > MAX_PREFIX_TOKENS:
            raise InvalidParamsError(
                "target_prefix",
                f"has {len(prefix)} tokens; at most {MAX_PREFIX_TOKENS} are allowed",
            )
        if "max_new_tokens" not in request.overrides:
            limits = [fields["max_new_tokens"], self._room(prompt, len(prefix))]
            if isinstance(request.task, Translation):
                limits.append(2 * len(prompt.encoder_ids) + 32)
            fields["max_new_tokens"] = max(1, min(limits))
        return GenerationParams(
            **fields, target_prefix_ids=prefix, return_scores=request.return_scores
        )

    def _room(self, prompt: Prompt, num_prefix_tokens: int) -> int:
        """New tokens that fit after the decoder's prefix, a forced token, the client's prefix."""
        used = len(prompt.decoder_prefix_ids) + 1 + num_prefix_tokens
        return self._config.max_target_tokens - used

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


class LocalBackend:
    """Every model of a catalogue, in this process (a `service.backend.Backend`)."""

    def __init__(self, entries: Sequence[ModelEntry], settings: Settings) -> None:
        self._hosts: dict[str, ModelHost] = {}
        try:
            for entry in entries:
                self._hosts[entry.name] = ModelHost(entry, settings)
        except BaseException:
            self.close()
            raise

    def models(self) -> Sequence[ModelInfo]:
        return [host.info for host in self._hosts.values()]

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Event, None]:
        events = self._hosts[request.model].generate(request)
        async with aclosing(events):
            async for event in events:
                yield event

    async def count_tokens(self, model: str, text: str, task: Task) -> int:
        # A long text is measured again and again as it is cut: its deadline and all the other
        # requests get their turn in between.
        await asyncio.sleep(0)
        return self._hosts[model].num_input_tokens(text, task)

    def num_free_places(self) -> int:
        return min(host.engine.num_free_places for host in self._hosts.values())

    def is_alive(self) -> bool:
        return all(host.engine.is_alive() for host in self._hosts.values())

    def is_ready(self) -> bool:
        return self.is_alive()

    def num_running(self) -> int:
        """Segments being decoded, over all models."""
        return sum(host.engine.stats.num_running for host in self._hosts.values())

    def num_waiting(self) -> int:
        """Segments in the queues, over all models."""
        return sum(host.engine.stats.num_waiting for host in self._hosts.values())

    def cache_use(self) -> float:
        """How full the fullest engine's cache is, 0 to 1."""
        return max(host.engine.stats.cache_use for host in self._hosts.values())

    def close(self) -> None:
        """Ends the engine threads."""
        for host in self._hosts.values():
            host.engine.stop()


def _engine_config(entry: ModelEntry, settings: Settings, loaded: LoadedModel) -> EngineConfig:
    limits = {} if entry.max_running_rows is None else {"max_rows": entry.max_running_rows}
    return EngineConfig(
        max_source_tokens=loaded.config.max_positions,
        max_target_tokens=loaded.config.max_positions,
        max_waiting=settings.max_waiting,
        kv_cache_bytes=entry.kv_cache_bytes or settings.kv_cache_bytes,
        **limits,
    )


def _defaults(entry: ModelEntry, loaded: LoadedModel, config: EngineConfig) -> dict[str, Any]:
    """The model's own generation parameters: the catalogue's over the checkpoint's."""
    fallback = {"max_new_tokens": FALLBACK_MAX_NEW_TOKENS}
    defaults = _merged({**fallback, **loaded.generation}, entry.defaults)
    try:
        GenerationParams(**defaults)
    except InvalidParamsError as error:
        raise CatalogueError(
            f"model {entry.name!r}: its own generation parameters cannot be served: {error}; "
            "`defaults` in the catalogue overrides them"
        ) from error
    room = config.max_target_tokens - 2  # decoder start, and a language token where there is one
    return {**defaults, "max_new_tokens": min(defaults["max_new_tokens"], room)}


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Both, the second first; asking for sampling means one beam, asking for beams no sampling."""
    merged = {**base, **over}
    if any(over.get(name) is not None for name in _SAMPLING):
        merged["num_beams"] = over.get("num_beams", 1)
    elif over.get("num_beams", 1) > 1:
        merged |= dict.fromkeys(_SAMPLING)
    return merged


def _describe(
    entry: ModelEntry, loaded: LoadedModel, config: EngineConfig, defaults: Mapping[str, Any]
) -> ModelInfo:
    return ModelInfo(
        name=entry.name,
        task=entry.task,
        pairs=entry.pairs,
        styles=entry.styles,
        max_input_tokens=config.max_source_tokens,
        max_new_tokens=config.max_target_tokens - 2,
        default_num_beams=defaults.get("num_beams", 1),
        family=loaded.family.name,
        num_parameters=loaded.network.num_parameters,
        dtype=loaded.dtype,
        device=str(loaded.device),
    )
