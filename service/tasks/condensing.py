"""Shorten a text that a summarizer cannot read whole: by parts, as often as it takes."""

from collections.abc import Callable
from functools import partial

from model.tokenizer.prompt import Summarization
from service.backend import ModelInfo
from service.tasks.generation import Generation, all_or_nothing
from service.text.documents import Segment, document_of
from service.text.fitting import as_sentence, split_to_fit

Report = Callable[[int, int, int], None]  # index of the item, parts done, parts so far


class Progress:
    """Counts the parts of one item that are summarized, and reports each to `report`."""

    def __init__(self, index: int, report: Report | None) -> None:
        self._index = index
        self._report = report
        self._num_done = self._num_parts = 0

    def expect(self, num_parts: int) -> None:
        """Add parts that are going to be summarized."""
        self._num_parts += num_parts

    def finish_part(self) -> None:
        """Count one more part as done."""
        self._num_done += 1
        if self._report is not None:
            self._report(self._index, self._num_done, self._num_parts)


async def condense(
    segment: Segment,
    generation: Generation,
    *,
    model: ModelInfo,
    task: Summarization,
    progress: Progress,
) -> tuple[Segment, bool]:
    """Return the segment, or the summaries of its parts if the model cannot read it whole.

    The parts' summaries are joined, each a sentence of its own, and if they are still too long they
    are summarized by parts again. Where they are no shorter than the parts, so that this would not
    end, what the model can read of them is kept, up to the end of a sentence if there is one.

    Returns:
        The segment, and whether something was cut: a part's summary, or their end.
    """
    text, was_cut = segment.text, False
    fits = partial(generation.fits, model, task=task)

    async def summarized(part: str) -> tuple[str, bool]:
        finished = await generation.run(model, part, task, prefix=None, on_text=None)
        progress.finish_part()
        return as_sentence(finished.outputs[0].text), finished.truncated

    while not await fits(text):
        parts = document_of(await split_to_fit(text, fits)).segments
        progress.expect(len(parts))
        found = await all_or_nothing(
            [summarized(part.text) for part in parts], at_once=generation.max_in_flight
        )
        was_cut = was_cut or any(cut for _, cut in found)
        summaries = " ".join(summary for summary, _ in found)
        if len(summaries) >= len(text):
            first, *_ = await split_to_fit(summaries, fits)
            return Segment(first.strip(), segment.gap), True
        text = summaries
    return Segment(text, segment.gap), was_cut
