"""One version of a served model: its load, eager or lazy, its requests, and its end."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import Executor
from contextlib import aclosing, contextmanager
from dataclasses import replace

from model.errors import QueueFullError
from model.tokenizer.prompt import Task
from service.backend import Event, GenerateRequest, ModelInfo, ModelState
from service.catalogue.fleet import Placement
from service.deadline import Deadline
from service.errors import ModelNotLoadedError
from service.hosting.model_host import ModelHost
from service.hosting.profile import CheckpointInfo, errors_naming, profile_of
from service.hosting.start import start_host
from service.scores import Scored, ScoreRequest
from service.settings import Settings
from service.sources.locate import locate
from service.telemetry.log import get_logger

RETRY_AFTER_S = 10.0  # from a failed load to the next attempt

logger = get_logger(__name__)


class ServedModel:
    """A version of a model, before its load, while it is loaded, and until it is closed.

    Not thread-safe; must stay in one event loop, except `open` and `close`, which block and run in
    another thread.
    """

    def __init__(self, placement: Placement, settings: Settings, *, loader: Executor) -> None:
        """Load nothing yet; `loader` has one thread, so that lazy models load one after another."""
        self.placement = placement
        self._entry = placement.entry
        self._settings = settings
        self._loader = loader
        self._info: ModelInfo | None = None
        self._host: ModelHost | None = None
        self._loading: asyncio.Task[None] | None = None
        self._failed_s: float | None = None  # when, on the event loop's clock
        self._max_waiting = settings.max_waiting
        self._num_requests = 0  # that wait for the load, or are in the engine
        self._num_users = 0
        self._is_unused = asyncio.Event()
        self._is_unused.set()
        self._is_closed = False

    @property
    def name(self) -> str:
        return self.placement.entry.name

    @property
    def is_open(self) -> bool:
        """True if its files have been read, so that it has an `info`."""
        return self._info is not None

    @property
    def info(self) -> ModelInfo:
        """The model's description and state; a new object whenever one changes."""
        assert self._info is not None, "not opened yet"  # noqa: S101
        return self._info

    @property
    def host(self) -> ModelHost | None:
        """The loaded model; None before its load and after its end."""
        return self._host

    @property
    def is_alive(self) -> bool:
        """True if it is not closed, and its engine, if it is loaded, is alive."""
        host = self._host
        return not self._is_closed and (host is None or host.engine.is_alive())

    @property
    def is_ready(self) -> bool:
        """True if it can take requests; a lazy model can before its load."""
        is_lazy = self.placement.entry.load == "lazy"
        return self.is_alive and (is_lazy or self._host is not None)

    @property
    def num_free_places(self) -> int:
        """Requests that can still be queued, here or in the engine, before QueueFullError."""
        num_running = 0 if self._host is None else self._host.engine.stats.num_running
        num_waiting = max(0, self._num_requests - num_running)
        return max(0, self._max_waiting - num_waiting)

    def open(self) -> None:
        """Read the model's small files and, unless it is lazy, load it.

        Raises:
            CatalogueError: It cannot be loaded, or cannot answer; names the model.
        """
        entry = self.placement.entry
        is_lazy = entry.load == "lazy"
        with errors_naming(entry):
            source = locate(entry.path, revision=entry.revision, settings=self._settings)
            checkpoint = CheckpointInfo.read(source, entry, self._settings)
            profile = profile_of(entry, self._settings, checkpoint, source=source)
        # Pinned: a lazy model is loaded as described here, even if its hub has a new commit then.
        self._entry = entry.model_copy(update={"revision": source.revision})
        self._max_waiting = profile.engine.max_waiting
        self._info = self._in_state(profile.info, "not_loaded" if is_lazy else "loading")
        if not is_lazy:
            self._load()

    def close(self) -> None:
        """End the engine's thread and drop the weights."""
        self._is_closed = True
        host, self._host = self._host, None
        if host is not None:
            host.stop()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Count a user within the context; `unused` waits for all of them."""
        self._num_users += 1
        self._is_unused.clear()
        try:
            yield
        finally:
            self._num_users -= 1
            if self._num_users == 0:
                self._is_unused.set()

    async def unused(self, *, timeout_s: float) -> bool:
        """Wait until it has no user and is not loading; return False if the time is over first."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._is_unused.wait()
                if self._loading is not None:
                    await asyncio.shield(self._loading)
        except TimeoutError:
            return False
        return True

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Event, None]:
        """Generate as `Backend.generate` does; load the model first if it is not loaded yet."""
        with self._counted(), self.in_use():
            host = await self._loaded_by(request.deadline)
            async with aclosing(host.generate(request)) as events:
                async for event in events:
                    yield event

    async def score(self, request: ScoreRequest) -> Scored:
        """Score as `Backend.score` does; load the model first if it is not loaded yet."""
        with self._counted(), self.in_use():
            host = await self._loaded_by(request.deadline)
            return await host.score(request)

    async def count_tokens(self, text: str, task: Task) -> int:
        """Count as `Backend.count_tokens` does; load the model first if it is not loaded yet."""
        with self.in_use():
            host = self._host
            if host is None:
                with self._counted():
                    host = await self._loaded()
            return host.num_input_tokens(text, task)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Count one more request within the block."""
        self._num_requests += 1
        try:
            yield
        finally:
            self._num_requests -= 1

    async def _loaded_by(self, deadline: Deadline) -> ModelHost:
        """Return the loaded model, or wait for it as `_loaded` does, until the deadline."""
        if self._host is not None:
            return self._host
        async with deadline.enforced():
            return await self._loaded()

    async def _loaded(self) -> ModelHost:
        """Wait until the model is loaded; a caller that is cancelled leaves the load running.

        Raises:
            ModelNotLoadedError: It could not be loaded, just now or a moment ago.
            QueueFullError: As many requests wait for the load as may. Once the model is loaded the
                engine refuses, which alone knows exactly how many wait.
        """
        if self._num_requests > self._max_waiting:  # this one is counted already
            raise QueueFullError(num_waiting=self._max_waiting, limit=self._max_waiting)
        if self._loading is None:
            self._begin_loading()
        assert self._loading is not None  # noqa: S101 - just begun
        await asyncio.shield(self._loading)
        if self._host is None:
            raise ModelNotLoadedError(self.name, retry_s=RETRY_AFTER_S)
        return self._host

    def _begin_loading(self) -> None:
        loop = asyncio.get_running_loop()
        if self._failed_s is not None:
            left_s = self._failed_s + RETRY_AFTER_S - loop.time()
            if left_s > 0:
                raise ModelNotLoadedError(self.name, retry_s=left_s)
        self._info = self._in_state(self.info, "loading")
        self._loading = loop.create_task(self._load_for_all())

    async def _load_for_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._loader, self._load)
        except Exception:
            logger.exception("a lazy model could not be loaded", model=self.name)
            self._failed_s = loop.time()
            self._info = self._in_state(self.info, "failed")
        finally:
            self._loading = None

    def _load(self) -> None:
        self._host = host = start_host(self._entry, self._settings)
        self._info = self._in_state(host.info, "loaded")
        if self._is_closed:  # it was closed during the load
            self.close()

    def _in_state(self, info: ModelInfo, state: ModelState) -> ModelInfo:
        return replace(info, state=state, version=self.placement.version)
