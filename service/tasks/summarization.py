"""`/v1/summarize`: each text as a whole; one too long for the model by parts, then as a whole.

A summary keeps no lines, so the model reads none: white space inside a text is a single blank to
it, however the text was wrapped or indented.
"""

from dataclasses import dataclass
from functools import partial

from model.engine.params import GenerationParams
from model.errors import InputTooLongError
from model.tokenizer.prompt import Summarization
from service.backend import Backend, ModelInfo
from service.settings import Settings
from service.tasks.directory import Directory
from service.tasks.generation import Generation, Spent, admit, all_or_nothing, within_queues
from service.tasks.items import Emit, Item, answer
from service.tasks.requests import Options, options_of, params_for
from service.tasks.schemas import ItemOutput, SummarizeRequest, SummarizeResponse
from service.telemetry.metrics import observe_characters
from service.text.documents import Document, Segment, as_sentence, document_of, split, split_to_fit


@dataclass(frozen=True, slots=True, kw_only=True)
class SummarizationPlan:
    """A request that was found good, before any model is asked."""

    options: Options
    summarizer: ModelInfo
    params: GenerationParams
    task: Summarization

    @property
    def model(self) -> str:
        """The model that every item is given to."""
        return self.summarizer.name

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """All that it takes."""
        return (self.summarizer,)


class Summarizer:
    """Answers summarization requests from the models behind `backend`."""

    def __init__(self, backend: Backend, settings: Settings, *, directory: Directory) -> None:
        self._backend = backend
        self._settings = settings
        self._directory = directory

    def plan(self, body: SummarizeRequest, *, request_id: str) -> SummarizationPlan:
        """Everything about the request that can be decided, or refused, without a model.

        Raises:
            ApiError, ModelError: the request cannot be answered; see `problems.PROBLEMS`.
        """
        model = self._directory.summarizer(body.model, body.style)
        options = options_of(body, request_id=request_id, settings=self._settings)
        params = params_for(model, options)
        admit(self._backend, [model], max_waiting=self._settings.max_waiting)
        style = body.style or next(iter(model.styles), None)
        return SummarizationPlan(
            options=options, summarizer=model, params=params, task=Summarization(style)
        )

    async def run(
        self, plan: SummarizationPlan, emit: Emit | None
    ) -> tuple[SummarizeResponse, Spent]:
        """The whole answer, its pieces passed to `emit` on the way, and what it cost."""
        generation = Generation(
            self._backend,
            plan.options,
            max_in_flight=within_queues(self._settings.max_segments_in_flight, plan.models),
        )
        items = [_summarize(plan, i, generation, emit=emit) for i in range(len(plan.options.texts))]
        summaries = await generation.within_time(all_or_nothing(items))
        response = SummarizeResponse(model=plan.model, summaries=summaries, usage=generation.usage)
        observe_characters(
            plan.model,
            num_input=plan.options.num_characters,
            num_output=sum(len(item.text) for item in summaries),
        )
        return response, generation.spent


async def _summarize(
    plan: SummarizationPlan, index: int, generation: Generation, *, emit: Emit | None
) -> ItemOutput:
    """One item, from its text to its answer."""
    options = plan.options
    document = _unwrapped(split(options.texts[index], mode=options.split, language=None))
    cut = False
    if options.on_overflow == "split":
        shorter = await all_or_nothing([_condense(plan, s, generation) for s in document.segments])
        document = Document(document.lead, tuple(segment for segment, _ in shorter))
        cut = any(was_cut for _, was_cut in shorter)
    item = Item(
        index=index, model=plan.summarizer, task=plan.task, document=document, params=plan.params
    )
    fields = await answer(item, generation, options=options, emit=emit)
    return ItemOutput(**{**fields, "truncated": fields["truncated"] or cut})


def _unwrapped(document: Document) -> Document:
    segments = (Segment(" ".join(s.text.split()), s.gap) for s in document.segments)
    return Document(document.lead, tuple(segments))


async def _condense(
    plan: SummarizationPlan, segment: Segment, generation: Generation
) -> tuple[Segment, bool]:
    """The segment, or summaries of its parts where the model cannot read it whole.

    Also whether a part's summary was cut. The parts' summaries are joined, each a sentence of its
    own, and if they are still too long they are summarized by parts again.

    Raises:
        InputTooLongError: the summaries of the parts are no shorter than the parts.
    """
    model, task, text, cut = plan.summarizer, plan.task, segment.text, False
    fits = partial(generation.fits, model, task=task)
    while not await fits(text):
        parts = document_of(await split_to_fit(text, fits)).segments
        finished = await all_or_nothing(
            [generation.run(model, part.text, task, prefix=None, on_text=None) for part in parts]
        )
        cut = cut or any(event.truncated for event in finished)
        summaries = " ".join(as_sentence(event.outputs[0].text) for event in finished)
        if len(summaries) >= len(text):
            num_tokens = await generation.count_tokens(model, text, task)
            raise InputTooLongError(num_tokens=num_tokens, limit_tokens=model.max_input_tokens)
        text = summaries
    return Segment(text, segment.gap), cut
