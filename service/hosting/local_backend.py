"""A `Backend` of models in this process, which can be loaded, swapped and unloaded at run time."""

import asyncio
import gc
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, aclosing, contextmanager
from dataclasses import replace

import torch

from model import heap
from model.tokenizer.prompt import Task
from service.backend import Event, GenerateRequest, ModelInfo
from service.catalogue.catalogue import ModelEntry
from service.catalogue.fleet import Placement
from service.errors import ModelNotFoundError
from service.hosting.model_host import ModelHost
from service.hosting.served_model import ServedModel
from service.scores import Scored, ScoreRequest
from service.settings import Settings
from service.spans import Span
from service.telemetry.log import get_logger
from service.telemetry.metrics import forget_model

GRACE_S = 5.0  # added to the longest timeout of a request before a model in use is closed

logger = get_logger(__name__)


class LocalBackend:
    """The models of a replica, in this process (a `service.backend.Backend`).

    Requests and changes must come from one event loop; `models`, `is_alive`, `is_ready` and the
    load figures may be read from any thread.
    """

    def __init__(self, models: Iterable[ModelEntry | Placement], settings: Settings) -> None:
        """Load the models, one after another, except the lazy ones.

        Raises:
            CatalogueError: One of them cannot be loaded, or cannot answer; names it.
        """
        self._settings = settings
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="loader")
        # Another thread, so that lazy loads, for which requests wait, do not wait for a change.
        self._changer = ThreadPoolExecutor(1, thread_name_prefix="changer")
        # Replaced as a whole, never mutated: other threads read them.
        self._served: tuple[ServedModel, ...] = ()
        self._leaving: tuple[ServedModel, ...] = ()
        self._arriving: ServedModel | None = None
        self._infos: tuple[ModelInfo, ...] = ()
        try:
            for model in models:
                placement = model if isinstance(model, Placement) else Placement(model)
                served = self._new(placement)
                self._changer.submit(served.open).result()
                self._served = (*self._served, served)
        except BaseException:
            self.close()
            raise

    def models(self) -> Sequence[ModelInfo]:
        infos = (*(served.info for served in self._served), *self._arriving_infos())
        if infos != self._infos:
            self._infos = infos
        return self._infos

    @contextmanager
    def hold(self, models: Iterable[ModelInfo]) -> Iterator[None]:
        with ExitStack() as held:
            for handle in {model.handle for model in models}:
                held.enter_context(self._find(handle).in_use())
            yield

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Event, None]:
        async with aclosing(self._find(request.model).generate(request)) as events:
            async for event in events:
                yield event

    async def score(self, request: ScoreRequest) -> Scored:
        return await self._find(request.model).score(request)

    async def count_tokens(self, model: str, text: str, task: Task) -> int:
        # A long text is counted many times as it is cut: other tasks, and its deadline, must run in
        # between.
        await asyncio.sleep(0)
        return await self._find(model).count_tokens(text, task)

    def unknown_spans(self, model: str, text: str) -> tuple[Span, ...]:
        host = self._find(model).host
        return () if host is None else host.unknown_spans(text)

    def num_free_places(self, model: str) -> int:
        return self._find(model).num_free_places

    def is_alive(self) -> bool:
        return all(served.is_alive for served in self._served)

    def is_ready(self) -> bool:
        return all(served.is_ready for served in self._served)

    def num_running(self) -> int:
        """Return the segments being decoded, over all models."""
        return sum(host.engine.stats.num_running for host in self._hosts())

    def num_waiting(self) -> int:
        """Return the segments in the queues, over all models."""
        return sum(host.engine.stats.num_waiting for host in self._hosts())

    def cache_use(self) -> float:
        """Return the used part of the fullest engine's cache, 0 to 1."""
        return max((host.engine.stats.cache_use for host in self._hosts()), default=0.0)

    async def prepare(self, arriving: Placement | None) -> None:
        """Load a model without serving it, for a later `serve`; None unloads the prepared one.

        Raises:
            CatalogueError: It cannot be loaded, or cannot answer; the others are unchanged.
        """
        waiting = self._arriving
        if waiting is not None and waiting.placement == arriving:
            return
        if waiting is not None:
            self._arriving = None
            await self._let_go([waiting])
        if arriving is not None:
            self._arriving = self._new(arriving)
            try:
                await self._open(self._arriving)
            except Exception:
                self._arriving = None
                raise

    async def serve(self, placements: Sequence[Placement]) -> None:
        """Serve exactly these models; return when the models that left have been unloaded.

        Raises:
            CatalogueError: A model cannot be loaded; the served models are unchanged.
        """
        known = list(self._served) + ([self._arriving] if self._arriving is not None else [])
        chosen: list[ServedModel] = []
        try:
            for placement in placements:
                served = next((s for s in known if s.placement == placement), None)
                chosen.append(served or await self._open(self._new(placement)))
        except Exception:
            await self._let_go([served for served in chosen if served not in known])
            raise
        leaving = [served for served in self._served if served not in chosen]
        if self._arriving in chosen:
            self._arriving = None
        self._served, self._leaving = tuple(chosen), (*self._leaving, *leaving)
        await self._let_go(leaving)

    def close(self) -> None:
        """End the engines, and the loading threads after the load that they are in."""
        for executor in (self._loader, self._changer):
            executor.shutdown(cancel_futures=True)
        for served in self._everything():
            served.close()

    def _new(self, placement: Placement) -> ServedModel:
        return ServedModel(placement, self._settings, loader=self._loader)

    async def _open(self, served: ServedModel) -> ServedModel:
        try:
            await self._in_changer(served.open)
        except Exception:
            self._forget_metrics([served])
            raise
        return served

    def _find(self, handle: str) -> ServedModel:
        """Return the model with that handle, served or leaving; else the served one so named."""
        for served in (*self._served, *self._leaving):
            if served.info.handle == handle:
                return served
        for served in self._served:
            if served.name == handle:
                return served
        raise ModelNotFoundError(handle, served=[served.name for served in self._served])

    async def _let_go(self, leaving: Sequence[ServedModel]) -> None:
        """Close the models when they are unused, or after a time limit; free their memory."""
        if not leaving:
            return
        timeout_s = self._settings.max_timeout_ms / 1_000 + GRACE_S
        await asyncio.gather(*(self._let_go_one(served, timeout_s) for served in leaving))
        self._leaving = tuple(served for served in self._leaving if served not in leaving)
        self._forget_metrics(leaving)
        await self._in_changer(_give_memory_back)

    async def _let_go_one(self, served: ServedModel, timeout_s: float) -> None:
        if not await served.unused(timeout_s=timeout_s):
            logger.warning("a model is let go although it is in use", model=served.name)
        await self._in_changer(served.close)
        logger.info("model unloaded", model=served.name, version=served.placement.version)

    async def _in_changer(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._changer, work)

    def _forget_metrics(self, gone: Sequence[ServedModel]) -> None:
        for name in {served.name for served in gone} - {served.name for served in self._served}:
            forget_model(name)

    def _arriving_infos(self) -> Iterator[ModelInfo]:
        """Yield the model being prepared, unless a version of it is served."""
        served = self._arriving
        if served is None or not served.is_open:
            return
        if served.name not in [other.name for other in self._served]:
            yield replace(served.info, is_offered=False, state="loading")

    def _everything(self) -> tuple[ServedModel, ...]:
        arriving = self._arriving
        return (*self._served, *self._leaving, *(() if arriving is None else (arriving,)))

    def _hosts(self) -> Iterator[ModelHost]:
        hosts = (served.host for served in self._everything())
        return (host for host in hosts if host is not None)


def _give_memory_back() -> None:
    """Free a closed model's memory: reference cycles, and pages that the C library keeps."""
    gc.unfreeze()  # `start_host` freezes all objects, so that the collector skips them
    gc.collect()
    gc.freeze()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    heap.trim()
