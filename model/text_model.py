"""Text in, text out, in the caller's own process: the public interface of `model`."""

import sys
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Self, Unpack

from model.devices import DtypeName
from model.engine.config import EngineConfig, MemoryFraction
from model.engine.engine import Engine
from model.engine.request import RequestOutput
from model.errors import CheckpointError, InvalidParamsError, ModelError
from model.load import BUNDLED, LoadedModel, load_model
from model.text_job import GenerationOptions, TextJob, TextOutput, make_job
from model.tokenizer.detokenizer import IncrementalDetokenizer
from model.tokenizer.prompt import Summarization, Task, Translation

_BUNDLED_PREFIX = "bundled/"
_BUNDLED_DEFAULTS = {"max_repeats": 3}  # as in service/catalogue/dragoman.yaml
_CPU_CACHE_BYTES, _GPU_MEMORY = 2 << 30, MemoryFraction(0.9)


class TextModel:
    """A checkpoint that translates or summarizes texts, many in one batch.

    Every text is one segment: the model reads it whole, and one that is longer than
    `max_input_tokens` is an error. The service splits long texts into sentences; this does not.
    A checkpoint's files do not say which of the two tasks it was trained for.

    Not thread-safe: use it from one thread at a time. Streams may be open beside each other and
    beside other calls; all are decoded in one batch.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        *,
        max_rows: int = 128,
        kv_cache_bytes: int | None = None,
        max_repeats: int = 0,
    ) -> None:
        """Make the engine.

        Args:
            loaded: The checkpoint.
            max_rows: As in `load`.
            kv_cache_bytes: As in `load`.
            max_repeats: The default of the option of that name.

        Raises:
            ConfigError: A limit is out of range, or the cache has no room for a single row.
        """
        limit = loaded.config.max_positions
        default_cache = _GPU_MEMORY if loaded.device.type == "cuda" else _CPU_CACHE_BYTES
        self._config = EngineConfig(
            max_source_tokens=limit,
            max_target_tokens=limit,
            max_rows=max_rows,
            max_waiting=sys.maxsize,  # each call bounds its own
            kv_cache_bytes=default_cache if kv_cache_bytes is None else kv_cache_bytes,
        )
        self._loaded = loaded
        self._defaults: GenerationOptions = {"max_repeats": max_repeats}
        cache_dtype = loaded.cache_dtype
        self._engine = Engine(loaded.network, loaded.rules, self._config, cache_dtype=cache_dtype)
        self._request_ids = map(str, count())
        self._outputs: dict[str, deque[RequestOutput]] = {}  # not yet read, of live requests

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        dtype: DtypeName = "auto",
        device: str = "auto",
        max_rows: int = 128,
        kv_cache_bytes: int | None = None,
    ) -> Self:
        """Load a checkpoint in Hugging Face's format; nothing is downloaded.

        Args:
            path: `bundled/translate`, `bundled/summarize`, or a folder with config.json,
                safetensors and tokenizer files.
            dtype: Of the weights: float32, bfloat16, float16, int8, or auto, which is bfloat16
                where the device computes in it.
            device: `cpu`, `cuda`, `cuda:1`; auto is a GPU if there is one.
            max_rows: Hypotheses decoded together; a text takes one per beam.
            kv_cache_bytes: Most memory of cached keys and values; None is 2 GiB on a CPU, and on a
                GPU what weights and steps leave of nine tenths of its memory.

        Raises:
            CheckpointError: There is no such folder, or it holds no checkpoint that can be loaded.
            ConfigError: A value is out of range, or there is no such dtype or device here.
        """
        name = str(path)
        is_bundled = name.startswith(_BUNDLED_PREFIX)
        folder = (
            BUNDLED / name.removeprefix(_BUNDLED_PREFIX) if is_bundled else Path(path).expanduser()
        )
        if not folder.is_dir():
            raise CheckpointError(
                f"path: {name!r} is neither a folder nor one of {', '.join(_bundled_names())}"
            )
        loaded = load_model(folder, dtype=dtype, device=device)
        defaults = _BUNDLED_DEFAULTS if is_bundled else {}
        return cls(loaded, max_rows=max_rows, kv_cache_bytes=kv_cache_bytes, **defaults)

    @property
    def max_input_tokens(self) -> int:
        """The longest text, in tokens, special ones and a prefix included."""
        return self._config.max_source_tokens

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of the languages that the vocabulary has tags for; empty where it has none."""
        return self._loaded.languages

    def translate(
        self,
        texts: str | Iterable[str],
        *,
        target_lang: str,
        source_lang: str | None = None,
        **options: Unpack[GenerationOptions],
    ) -> list[TextOutput]:
        """Translate texts, together in one batch.

        Args:
            texts: Sources, or a single one.
            target_lang: ISO 639-1, or as the vocabulary has it; of no effect on a checkpoint
                without language tags.
            source_lang: Likewise; some checkpoints have to be told, none detects it.
            options: See `GenerationOptions`.

        Returns:
            An output for each text, in their order.

        Raises:
            InputTooLongError: A text is longer than `max_input_tokens`; its note says which text.
            InvalidParamsError: An option is out of range, or a text is no string.
            UnsupportedTaskError: The vocabulary has no tag for a language.
            NoMemoryError, NoTokenError: A text cannot be decoded.
        """
        return self._run(texts, Translation(target_lang, source_lang), options)

    def summarize(
        self,
        texts: str | Iterable[str],
        *,
        style: str | None = None,
        **options: Unpack[GenerationOptions],
    ) -> list[TextOutput]:
        """Summarize texts, together in one batch.

        Args:
            texts: Sources, or a single one.
            style: One that the checkpoint was trained with, such as `tldr` or `headline` of
                `bundled/summarize`; None asks for none.
            options: See `GenerationOptions`.

        Returns:
            An output for each text, in their order.

        Raises:
            ModelError: As `translate`; UnsupportedTaskError also for an unknown style.
        """
        return self._run(texts, Summarization(style), options)

    def stream_translation(
        self,
        text: str,
        *,
        target_lang: str,
        source_lang: str | None = None,
        **options: Unpack[GenerationOptions],
    ) -> Generator[str, None, None]:
        """Translate a text piece by piece; the pieces, joined, are the whole text.

        Decodes greedily, or samples: beam search settles on nothing before its end. Closing the
        generator ends the request.

        Args:
            text: The source.
            target_lang: As `translate`.
            source_lang: As `translate`.
            options: See `GenerationOptions`; `num_beams` and `num_return` are 1.

        Raises:
            ModelError: As `translate`, before the first piece; InvalidParamsError also for more
                than one beam or output.
        """
        return self._stream(text, Translation(target_lang, source_lang), options)

    def stream_summary(
        self, text: str, *, style: str | None = None, **options: Unpack[GenerationOptions]
    ) -> Generator[str, None, None]:
        """Summarize a text piece by piece; otherwise as `stream_translation`.

        Args:
            text: The source.
            style: As `summarize`.
            options: As `stream_translation`.

        Raises:
            ModelError: As `stream_translation`.
        """
        return self._stream(text, Summarization(style), options)

    def _run(
        self, texts: str | Iterable[str], task: Task, options: GenerationOptions
    ) -> list[TextOutput]:
        texts = [texts] if isinstance(texts, str) else list(texts)
        jobs = [self._job(f"texts[{i}]", text, task, options) for i, text in enumerate(texts)]
        waiting = iter(enumerate(jobs))
        running: dict[str, int] = {}  # the index of each unfinished request's text
        results: dict[int, TextOutput] = {}
        outputs: deque[RequestOutput] = deque()
        try:
            while len(results) < len(jobs):
                # As many as may run at once, and as many again, ready to take their rows.
                for index, job in islice(waiting, 2 * self._config.max_rows - len(running)):
                    running[self._start(job, outputs)] = index
                for output in self._next(outputs):
                    if output.finish_reason is not None:
                        index = running.pop(output.request_id)
                        results[index] = jobs[index].result(output, self._loaded.tokenizer)
        finally:
            for request_id in running:
                self._abort(request_id)
        return [results[index] for index in range(len(jobs))]

    def _stream(
        self, text: str, task: Task, options: GenerationOptions
    ) -> Generator[str, None, None]:
        num_beams, num_return = options.get("num_beams", 1), options.get("num_return", 1)
        for field, value in (("num_beams", num_beams), ("num_return", num_return)):
            if value != 1:
                raise InvalidParamsError(field, f"{value} cannot be streamed; use 1")
        # Checked before the generator is made: its code runs only when a piece is asked for.
        return self._pieces(self._job("text", text, task, {**options, "num_beams": 1}))

    def _pieces(self, job: TextJob) -> Generator[str, None, None]:
        detokenizer = IncrementalDetokenizer(self._loaded.tokenizer)
        outputs: deque[RequestOutput] = deque()
        request_id = self._start(job, outputs)
        token_ids = job.params.target_prefix_ids
        is_over = False
        try:
            while not is_over:
                for output in self._next(outputs):
                    is_over = output.finish_reason is not None
                    if is_over:  # perhaps by an error, which this raises
                        job.result(output, self._loaded.tokenizer)
                    piece = "".join(map(detokenizer.push, (*token_ids, *output.new_token_ids)))
                    token_ids = ()
                    piece += detokenizer.flush() if is_over else ""
                    if piece:
                        yield piece
        finally:
            self._abort(request_id)

    def _start(self, job: TextJob, outputs: deque[RequestOutput]) -> str:
        """Queue a request; its outputs go to `outputs`."""
        request_id = next(self._request_ids)
        self._engine.add_request(request_id, job.prompt, job.params)
        self._outputs[request_id] = outputs
        return request_id

    def _abort(self, request_id: str) -> None:
        self._engine.abort(request_id)
        self._outputs.pop(request_id, None)

    def _next(self, outputs: deque[RequestOutput]) -> Iterator[RequestOutput]:
        """Yield the outputs that have arrived; step the engine, for all calls, if none has."""
        if not outputs:
            for output in self._engine.step():
                self._outputs[output.request_id].append(output)
                if output.finish_reason is not None:
                    del self._outputs[output.request_id]
        while outputs:
            yield outputs.popleft()

    def _job(self, field: str, text: str, task: Task, options: GenerationOptions) -> TextJob:
        try:
            loaded, most = self._loaded, self._config.max_target_tokens
            job = make_job(
                text, task, options, defaults=self._defaults, loaded=loaded, max_target_tokens=most
            )
            job.check(config=loaded.config, limits=self._config, stats=self._engine.stats())
        except ModelError as error:
            error.add_note(f"in {field}")
            raise
        return job


def _bundled_names() -> list[str]:
    return sorted(_BUNDLED_PREFIX + path.parent.name for path in BUNDLED.glob("*/config.json"))
