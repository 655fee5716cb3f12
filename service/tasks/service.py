"""One door to the tasks for every client API: charge the client, plan, hold the models, run."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, TypeVar

from service.access.clients import Client
from service.access.control import AccessControl, Charge
from service.backend import Backend, ModelInfo
from service.settings import Settings
from service.tasks.condensing import Report
from service.tasks.items import Emit
from service.tasks.limits import check_texts
from service.tasks.records import (
    SummaryAnswer,
    SummaryRequest,
    TranslationAnswer,
    TranslationRequest,
)
from service.tasks.registry import ModelRegistry
from service.tasks.scoring import OutputScorer, ScoringAnswer, ScoringRequest
from service.tasks.summarization import Summarizer
from service.tasks.translation import Translator
from service.text.detection import Detection, Detector
from service.text.glossary import Glossary

AnswerT_co = TypeVar("AnswerT_co", covariant=True)
LoadGlossary = Callable[[], Awaitable[Glossary]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared(Generic[AnswerT_co]):
    """A checked and charged request.

    Attributes:
        models: Those that will answer it; to be held, by `hold`, until its answer is sent.
        charge: What the client was charged.
        run: Returns the answer, and passes its pieces and its progress on, if asked to; to be
            called once. If it fails, the client gets its characters back.
    """

    models: Sequence[ModelInfo]
    charge: Charge
    run: Callable[[Emit | None, Report | None], Awaitable[AnswerT_co]]


class TaskService:
    """Answers requests of clients. Belongs to one event loop."""

    def __init__(
        self,
        backend: Backend,
        settings: Settings,
        *,
        registry: ModelRegistry,
        detector: Detector,
        access: AccessControl,
    ) -> None:
        self._backend = backend
        self._settings = settings
        self._detector = detector
        self._access = access
        self._translator = Translator(backend, settings, registry=registry, detector=detector)
        self._summarizer = Summarizer(backend, settings, registry=registry)
        self._scorer = OutputScorer(
            backend,
            settings,
            registry=registry,
            translator=self._translator,
            summarizer=self._summarizer,
        )

    async def prepare_translation(
        self, request: TranslationRequest, client: Client, *, glossary: LoadGlossary | None = None
    ) -> Prepared[TranslationAnswer]:
        """Charge the client and plan the translation.

        Args:
            request: The translation.
            client: Who asks.
            glossary: Loads the request's glossary, if it has to be loaded: once the client is
                charged, and within the request's deadline.

        Raises:
            ApiError, ModelError: The request cannot be answered.
        """

        async def prepare(charge: Charge) -> Prepared[TranslationAnswer]:
            whole = request
            if glossary is not None:
                async with request.deadline.enforced():
                    whole = replace(request, glossary=await glossary())
            plan = self._translator.plan(whole)

            def run(emit: Emit | None, _: Report | None) -> Awaitable[TranslationAnswer]:
                return self._translator.run(plan, emit)

            return Prepared(models=plan.models, charge=charge, run=run)

        return await self._charged(prepare, client, request.num_characters)

    async def prepare_summary(
        self, request: SummaryRequest, client: Client
    ) -> Prepared[SummaryAnswer]:
        """Charge the client and plan the summary.

        Raises:
            ApiError, ModelError: The request cannot be answered.
        """

        async def prepare(charge: Charge) -> Prepared[SummaryAnswer]:
            plan = self._summarizer.plan(request)
            run = partial(self._summarizer.run, plan)
            return Prepared(models=plan.models, charge=charge, run=run)

        return await self._charged(prepare, client, request.num_characters)

    async def translate(
        self, request: TranslationRequest, client: Client, *, glossary: LoadGlossary | None = None
    ) -> TranslationAnswer:
        """Return the whole translation; the arguments are those of `prepare_translation`.

        Raises:
            ApiError, ModelError: The request cannot be answered.
        """
        prepared = await self.prepare_translation(request, client, glossary=glossary)
        with self.hold(prepared):
            return await prepared.run(None, None)

    async def summarize(self, request: SummaryRequest, client: Client) -> SummaryAnswer:
        """Return the whole summary.

        Raises:
            ApiError, ModelError: The request cannot be answered.
        """
        prepared = await self.prepare_summary(request, client)
        with self.hold(prepared):
            return await prepared.run(None, None)

    async def score(self, request: ScoringRequest, client: Client) -> ScoringAnswer:
        """Return how probable the model finds a given output.

        Raises:
            ApiError, ModelError: The request cannot be answered.
        """

        async def prepare(charge: Charge) -> Prepared[ScoringAnswer]:
            plan = self._scorer.plan(request)
            return Prepared(
                models=plan.models, charge=charge, run=lambda *_: self._scorer.run(plan)
            )

        num_characters = len(request.text) + len(request.output)
        prepared = await self._charged(prepare, client, num_characters)
        with self.hold(prepared):
            return await prepared.run(None, None)

    async def detect(self, texts: tuple[str, ...], client: Client) -> list[Detection]:
        """Return the language of each text.

        Raises:
            ApiError: Too many texts or characters, in this request or of this client.
        """
        check_texts(texts, self._settings)
        await self._access.charge(client, num_characters=sum(map(len, texts)))
        return list(map(self._detector.detect, texts))

    @contextmanager
    def hold(self, prepared: Prepared[object]) -> Iterator[None]:
        """Keep the models of a request loaded until the context is left.

        A request that was not answered by then, or not even run, is refunded.
        """
        try:
            with self._backend.hold(prepared.models):
                yield
        finally:
            self._access.refund(prepared.charge)

    async def _charged(
        self,
        prepare: Callable[[Charge], Awaitable[Prepared[AnswerT_co]]],
        client: Client,
        num_characters: int,
    ) -> Prepared[AnswerT_co]:
        """Charge the client, then prepare; give the characters back if that or the run fails."""
        charge = await self._access.charge(client, num_characters=num_characters)

        async def or_refund(work: Awaitable[AnswerT_co]) -> AnswerT_co:
            try:
                answer = await work
            except BaseException:
                self._access.refund(charge)
                raise
            charge.is_settled = True
            return answer

        try:
            prepared = await prepare(charge)
        except BaseException:
            self._access.refund(charge)
            raise
        return replace(prepared, run=lambda emit, report: or_refund(prepared.run(emit, report)))
