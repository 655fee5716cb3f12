"""Summarize: each text as a whole; one too long for the model by parts, then their summaries.

A summary keeps no lines, so the model reads none: white space inside a text is a single blank to
it, however the text was wrapped or indented. The answer has no white space of the text's around it.
"""

import re
from dataclasses import dataclass, replace
from functools import partial

from model.engine.params import GenerationParams
from model.tokenizer.prompt import Summarization
from service.backend import Backend, ModelInfo
from service.settings import Settings
from service.tasks.condensing import Progress, Report, condense
from service.tasks.generation import Generation, OnText, admit, all_or_nothing, within_queues
from service.tasks.items import Emit, Item, answer, as_generated
from service.tasks.limits import check_texts, params_for
from service.tasks.records import ItemAnswer, SegmentAnswer, SummaryAnswer, SummaryRequest
from service.tasks.registry import ModelRegistry
from service.telemetry.metrics import observe_characters
from service.text.documents import Document, Segment, split

_INDENT = re.compile(r"(?<=\n)[^\S\n]++")


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

    async def run(
        self, plan: SummarizationPlan, emit: Emit | None = None, report: Report | None = None
    ) -> SummaryAnswer:
        """Return the whole answer; pass its pieces to `emit` and the parts done to `report`.

        Raises:
            ModelError: as `Backend.generate` does, for the first segment that fails.
        """
        request, model = plan.request, plan.summarizer.name
        generation = Generation(
            self._backend,
            request,
            max_in_flight=within_queues(self._settings.max_segments_in_flight, plan.models),
        )
        work = [
            _summarize(plan, i, generation, emit=emit, report=report)
            for i in range(len(request.text))
        ]
        async with request.deadline.enforced():
            items = await all_or_nothing(work)
        observe_characters(
            model,
            num_input=request.num_characters,
            num_output=sum(len(item.text) for item in items),
        )
        return SummaryAnswer(model=model, items=tuple(items), usage=generation.usage)


async def _summarize(
    plan: SummarizationPlan,
    index: int,
    generation: Generation,
    *,
    emit: Emit | None,
    report: Report | None,
) -> ItemAnswer:
    request = plan.request
    document = split(request.text[index], mode=request.split, language=None)
    if request.split != "verbatim":
        document = _unwrapped(document)
    was_cut = False
    if request.on_overflow == "split":
        shorten = partial(
            condense,
            generation=generation,
            model=plan.summarizer,
            task=plan.task,
            progress=Progress(index, report),
        )
        shorter = await all_or_nothing([shorten(segment) for segment in document.segments])
        document = Document(document.lead, tuple(segment for segment, _ in shorter))
        was_cut = any(cut for _, cut in shorter)

    async def answer_segment(position: int, on_text: OnText | None) -> SegmentAnswer:
        text = document.segments[position].text
        prefix = request.target_prefix if position == 0 else None
        model, task = plan.summarizer, plan.task
        event = await generation.run(model, text, task, prefix=prefix, on_text=on_text)
        if not request.return_confidence:
            return as_generated(event)
        output = event.outputs[0].token_ids
        scored = await generation.score(model, text, task, output=output, with_links=False)
        return as_generated(event, confidence=scored.confidence)

    item = Item(
        index=index,
        document=document,
        streams_tokens=plan.params.num_rows == 1,
        with_scores=request.return_scores,
    )
    found = await answer(item, answer_segment, emit=emit)
    return replace(found, truncated=True) if was_cut else found


def _unwrapped(document: Document) -> Document:
    """Return the document with each segment on one line, and no white space but line breaks around.

    A document without segments, which is its own summary, stays as it is.
    """
    if not document.segments:
        return document
    *others, last = [
        Segment(" ".join(s.text.split()), _INDENT.sub("", s.gap)) for s in document.segments
    ]
    lead = _INDENT.sub("", document.lead.lstrip())
    return Document(lead, (*others, replace(last, gap=last.gap.rstrip())))
