"""Generate a segment that was prepared, and take its changes back in what comes out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from model.errors import InputTooLongError
from model.tokenizer.prompt import Translation
from service.backend import FinishedEvent, ModelInfo, Output
from service.spans import Link, Span
from service.tasks.generation import Generation, OnText, all_or_nothing
from service.tasks.items import as_generated, rendition
from service.tasks.records import Rendition, SegmentAnswer
from service.text.edits import Edit, Edited
from service.text.masking import Protected
from service.text.source_text import SourceText
from service.text.steps import Context, NoStandInError, Prepared, Restored, prepare, unprepared


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A generated segment: the outputs from which all steps could be taken back, best first."""

    prepared: Prepared
    event: FinishedEvent
    outputs: tuple[tuple[Output, Restored], ...]

    @property
    def text(self) -> str:
        """The best output, restored."""
        return self.outputs[0][1].text

    @property
    def is_cut(self) -> bool:
        """True if input or output was cut, so that something may be missing at the end."""
        return self.event.truncated


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """Attempts at the segments of one text.

    Attributes:
        generation: Runs them at the backend.
        model: Reads and writes them.
        task: The languages.
        with_links: Links are wanted for each segment, not only where its markup needs them.
        with_confidence: The confidence is wanted.
    """

    generation: Generation
    model: ModelInfo
    task: Translation
    with_links: bool
    with_confidence: bool

    @property
    def needs_scores(self) -> bool:
        """True if each output is read once more, for links or confidence."""
        return self.with_links or self.with_confidence

    async def answer_plain(
        self, text: str, *, prefix: str | None, on_text: OnText | None
    ) -> SegmentAnswer:
        """Return the outputs of a text that needs no step, as they are generated."""
        run = self.generation.run
        return as_generated(await run(self.model, text, self.task, prefix=prefix, on_text=on_text))

    async def generate(
        self,
        source: SourceText,
        context: Context,
        *,
        prefix: str | None = None,
        on_text: OnText | None = None,
        num_return: int | None = None,
    ) -> Attempt | None:
        """Return the outputs that hold each protected span once; None if there is none.

        Args:
            source: The segment.
            context: What is to be changed before; names and language are the model's.
            prefix: Forced beginning of the output.
            on_text: Gets the pieces of the output as they come, if they need no step undone.
            num_return: Outputs, if more are needed than the request asks for.
        """
        context = replace(context, names=self.model.stand_ins, language=self.task.source_lang)
        try:
            prepared = prepare(source.text, context)
        except NoStandInError:
            return None
        beginning = prepared.prefix(prefix)
        run = partial(self.generation.run, self.model, prefix=beginning, num_return=num_return)
        try:
            event = await run(prepared.text, self.task, on_text=None if prepared.steps else on_text)
        except InputTooLongError:
            if context.protected or context.terms:
                return None  # the stand-ins took more room than what they stand for
            if not prepared.steps:
                raise
            prepared = unprepared(source.text)  # small letters took more than capitals
            event = await run(prepared.text, self.task, on_text=on_text)
        restored = ((output, prepared.restore(output.text)) for output in event.outputs)
        outputs = tuple((output, found) for output, found in restored if found is not None)
        return Attempt(prepared=prepared, event=event, outputs=outputs) if outputs else None

    async def answer(
        self, source: SourceText, attempt: Attempt, *, num_return: int
    ) -> SegmentAnswer:
        """Return the first `num_return` outputs with links, confidence and markup."""
        outputs = attempt.outputs[:num_return]
        work = [self._rendition(source, attempt, output, found) for output, found in outputs]
        return SegmentAnswer(outputs=tuple(await all_or_nothing(work)), truncated=attempt.is_cut)

    async def _rendition(
        self, source: SourceText, attempt: Attempt, output: Output, restored: Restored
    ) -> Rendition:
        prepared = attempt.prepared
        links: tuple[Link, ...] = ()
        confidence: float | None = None
        with_links = source.needs_links or self.with_links
        if with_links or self.with_confidence:
            scored = await self.generation.score(
                self.model,
                prepared.text,
                self.task,
                output=output.token_ids,
                with_links=with_links,
            )
            links = _mapped(scored.links, prepared, restored)
            confidence = scored.confidence
        return replace(
            placed(
                source,
                rendition(attempt.event, output),
                text=restored.text,
                links=links,
                kept=zip(prepared.protected, restored.kept, strict=True),
            ),
            confidence=confidence,
        )


def placed(
    source: SourceText,
    rendition: Rendition,
    *,
    text: str,
    links: Sequence[Link],
    kept: Iterable[tuple[Protected, Span]],
) -> Rendition:
    """Return a rendition with its texts, with markup and without, and its links.

    Args:
        source: The segment.
        rendition: All but that.
        text: The translation, in which opaque elements stand as markup.
        links: Words of the segment and of `text`.
        kept: Each protected span of the segment, and where its replacement is in `text`.
    """
    elements = set(source.opaque)
    kept = list(kept)
    others = [(Span(p.start, p.stop), place) for p, place in kept if p not in elements]
    places = sorted((place, source.text[p.start : p.stop]) for p, place in kept if p in elements)
    shown = Edited.of(text, [Edit(place.start, place.stop, words) for place, words in places])
    return replace(
        rendition,
        text=shown.text,
        rendered=source.place(text, links, [place for place, _ in places], others),
        links=tuple(replace(link, target=shown.to_result(link.target)) for link in links),
    )


def _mapped(links: Sequence[Link], prepared: Prepared, restored: Restored) -> tuple[Link, ...]:
    """Return links of what the model read and wrote as links of the segment and its answer.

    A stand-in may be several words to the model; its links become one.
    """
    weights: dict[tuple[Span, Span], float] = {}
    for link in links:
        ends = prepared.chain.to_source(link.source), restored.chain.to_result(link.target)
        weights[ends] = max(weights.get(ends, 0.0), link.weight)
    return tuple(Link(source, target, weight) for (source, target), weight in weights.items())
