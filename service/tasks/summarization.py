"""Summarize: each text as a whole; one too long for the model by parts, then their summaries.

A summary keeps no lines, so the model reads none: white space inside a text is a single blank to
it, however the text was wrapped or indented.
"""

from dataclasses import dataclass, replace
from functools import partial

from model.engine.params import GenerationParams
from model.errors import InputTooLongError
from model.tokenizer.prompt import Summarization
from service.backend import Backend, ModelInfo
from service.settings import Settings
from service.tasks.generation import Generation, admit, all_or_nothing, within_queues
from service.tasks.items import Emit, Item, answer
from service.tasks.limits import check_texts, params_for
from service.tasks.records import ItemAnswer, SummaryAnswer, SummaryRequest
from service.tasks.registry import ModelRegistry
from service.telemetry.metrics import observe_characters
from service.text.documents import Document, Segment, as_sentence, document_of, split, split_to_fit


@dataclass(frozen=True, slots=True, kw_only=True)
class SummarizationPlan:
    """A checked request with the model that answers it and that model's parameters."""

    request: SummaryRequest
    summarizer: ModelInfo
    params: GenerationParams
    task: Summarization

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """The model; to be held until the answer is complete."""
        return (self.summarizer,)


class Summarizer:
    """Answers summarization requests from the models behind `backend`."""

    def __init__(self, backend: Backend, settings: Settings, *, registry: ModelRegistry) -> None:
        self._backend = backend
        self._settings = settings
        self._registry = registry

    def plan(self, request: SummaryRequest) -> SummarizationPlan:
        """Decide, or refuse, everything that needs no model.

        Raises:
            ApiError, ModelError: the request cannot be answered.
        """
        model = self._registry.summarizer(request.model, request.style)
        check_texts(request.text, self._settings)
        params = params_for(model, request.overrides)
        admit(self._backend, [model], max_waiting=self._settings.max_waiting)
        style = request.style or next(iter(model.styles), None)
        return SummarizationPlan(
            request=request, summarizer=model, params=params, task=Summarization(style)
        )

    async def run(self, plan: SummarizationPlan, emit: Emit | None = None) -> SummaryAnswer:
        """Return the whole answer; pass its pieces to `emit` on the way.

        Raises:
            ModelError: as `Backend.generate` does, for the first segment that fails.
        """
        request, model = plan.request, plan.summarizer.name
        generation = Generation(
            self._backend,
            request,
            max_in_flight=within_queues(self._settings.max_segments_in_flight, plan.models),
        )
        work = [_summarize(plan, i, generation, emit=emit) for i in range(len(request.text))]
        async with request.deadline.enforced():
            items = await all_or_nothing(work)
        observe_characters(
            model,
            num_input=request.num_characters,
            num_output=sum(len(item.text) for item in items),
        )
        return SummaryAnswer(model=model, items=tuple(items), usage=generation.usage)


async def _summarize(
    plan: SummarizationPlan, index: int, generation: Generation, *, emit: Emit | None
) -> ItemAnswer:
    request = plan.request
    source = split(request.text[index], mode=request.split, language=None)
    document = source if request.split == "verbatim" else _unwrapped(source)
    was_cut = False
    if request.on_overflow == "split":
        shorter = await all_or_nothing([_condense(plan, s, generation) for s in document.segments])
        document = Document(document.lead, tuple(segment for segment, _ in shorter))
        was_cut = any(cut for _, cut in shorter)
    item = Item(
        index=index,
        model=plan.summarizer,
        task=plan.task,
        document=document,
        params=plan.params,
        source=source,
    )
    found = await answer(item, generation, request=request, emit=emit)
    return replace(found, truncated=True) if was_cut else found


def _unwrapped(document: Document) -> Document:
    segments = (Segment(" ".join(s.text.split()), s.gap) for s in document.segments)
    return Document(document.lead, tuple(segments))


async def _condense(
    plan: SummarizationPlan, segment: Segment, generation: Generation
) -> tuple[Segment, bool]:
    """Return the segment, or the summaries of its parts if the model cannot read it whole.

    The parts' summaries are joined, each a sentence of its own, and if they are still too long they
    are summarized by parts again. The second value says whether some part's summary was cut.

    Raises:
        InputTooLongError: the summaries of the parts are no shorter than the parts.
    """
    model, task, text, was_cut = plan.summarizer, plan.task, segment.text, False
    fits = partial(generation.fits, model, task=task)
    while not await fits(text):
        parts = document_of(await split_to_fit(text, fits)).segments
        finished = await all_or_nothing(
            [generation.run(model, part.text, task, prefix=None, on_text=None) for part in parts]
        )
        was_cut = was_cut or any(event.truncated for event in finished)
        summaries = " ".join(as_sentence(event.outputs[0].text) for event in finished)
        if len(summaries) >= len(text):
            num_tokens = await generation.count_tokens(model, text, task)
            raise InputTooLongError(num_tokens=num_tokens, limit_tokens=model.max_input_tokens)
        text = summaries
    return Segment(text, segment.gap), was_cut
