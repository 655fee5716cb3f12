"""One item from several segments: its score, its other outputs, its stream."""

import asyncio

import pytest

from model.engine.params import FinishReason
from model.tokenizer.prompt import Translation
from service.backend import FinishedEvent, Output, TokenEvent
from service.tasks.generation import Generation, OnText
from service.tasks.items import AnswerSegment, Emit, Item, answer, as_generated, fit
from service.tasks.records import ItemAnswer, SegmentAnswer
from service.text.assembly import Wrapping
from service.text.documents import Document, Segment
from tests.support.service.fakes import TRANSLATOR, FakeBackend, make_request

DOCUMENT = Document("  ", (Segment("one", " "), Segment("two", "\n")))


class Scripted(FakeBackend):
    """Finishes segments with what the test says."""

    def __init__(self, events: dict[str, FinishedEvent]) -> None:
        super().__init__()
        self.events = events

    async def generate(self, request):  # type: ignore[no-untyped-def]
        yield self.events[request.text]


def finished(*outputs: Output, reason: FinishReason = FinishReason.STOP) -> FinishedEvent:
    return FinishedEvent(
        outputs=outputs,
        finish_reason=reason,
        input_tokens=1,
        output_tokens=1,
        truncated=reason is FinishReason.LENGTH,
        queue_s=0.0,
        inference_s=0.0,
    )


def item_at(index: int) -> Item:
    return Item(index=index, document=DOCUMENT, streams_tokens=True, with_scores=True)


def answering(generation: Generation) -> AnswerSegment:
    """Generate each segment of DOCUMENT as it is."""

    async def answer_segment(position: int, on_text: OnText | None) -> SegmentAnswer:
        text = DOCUMENT.segments[position].text
        task = Translation("de", "en")
        return as_generated(
            await generation.run(TRANSLATOR, text, task, prefix=None, on_text=on_text)
        )

    return answer_segment


async def answered(events: dict[str, FinishedEvent], emit: Emit | None = None) -> ItemAnswer:
    request = make_request(return_scores=True)
    generation = Generation(Scripted(events), request, max_in_flight=2)
    return await answer(item_at(0), answering(generation), emit=emit)


async def test_the_score_is_the_mean_over_all_tokens_with_the_ends_of_sentences() -> None:
    found = await answered(
        {
            "one": finished(Output("A", (1,), -1.0)),  # two tokens with its end
            "two": finished(Output("B", (1, 2, 3, 4), -4.0), reason=FinishReason.LENGTH),  # four
        }
    )
    assert found.score == pytest.approx((2 * -1.0 + 4 * -4.0) / 6)
    assert found.truncated is True


async def test_a_segment_with_fewer_outputs_lends_its_last() -> None:
    found = await answered(
        {
            "one": finished(Output("A", (1,), -1.0)),
            "two": finished(Output("B", (1,), -1.0), Output("C", (1,), -3.0)),
        }
    )
    assert found.text == "  A B\n"
    (alternative,) = found.alternatives
    assert (alternative.text, alternative.score) == ("  A C\n", -2.0)


async def test_only_what_does_not_fit_is_split() -> None:
    async def fits(text: str) -> bool:
        return len(text) <= 8

    short = Document(" ", (Segment("one two.", "  "), Segment("three four five.", "\n")))
    found = await fit(short, fits)
    assert [segment.text for segment in found.segments] == ["one two.", "three", "four", "five."]
    assert found.reassemble([segment.text for segment in found.segments]) == (
        " one two.  three four five.\n"
    )


async def test_a_document_that_fits_is_the_same() -> None:
    async def fits(_: str) -> bool:
        return True

    assert await fit(DOCUMENT, fits) is DOCUMENT


async def test_the_token_ids_of_an_item_are_those_of_its_segments_in_order() -> None:
    found = await answered(
        {
            "one": finished(Output("Eins.", (1,), -1.0)),
            "two": finished(Output("Z", (2,), -1.0)),
        }
    )
    assert found.text == "  Eins. Z\n"
    assert found.token_ids == (1, 2)


class Streaming(FakeBackend):
    """Answers both segments word by word, the second one first."""

    def __init__(self, *, as_tokens: bool) -> None:
        super().__init__()
        self.as_tokens = as_tokens
        self.second_is_done = asyncio.Event()

    async def generate(self, request):  # type: ignore[no-untyped-def]
        if request.text == "one":
            await self.second_is_done.wait()
        for piece in ("a ", "b"):
            if self.as_tokens:
                yield TokenEvent(piece)
        try:
            yield finished(Output("a b", (1, 2), -1.0))
        finally:  # the reader closes the events after the last
            self.second_is_done.set()


@pytest.mark.parametrize(("as_tokens", "kind"), [(True, "token"), (False, "segment")])
async def test_pieces_are_emitted_in_order_and_join_to_the_answer(
    as_tokens: bool,  # noqa: FBT001 - a parameter of the test
    kind: str,
) -> None:
    emitted: list[tuple[str, int, str]] = []
    request = make_request()
    backend = Streaming(as_tokens=as_tokens)
    generation = Generation(backend, request, max_in_flight=2)
    found = await answer(
        item_at(3), answering(generation), emit=lambda *piece: emitted.append(piece)
    )
    assert found.text == "  a b a b\n"
    assert "".join(text for _, _, text in emitted) == found.text
    assert {(each, index) for each, index, text in emitted if text.strip()} == {(kind, 3)}
    assert (generation.usage.input_tokens, generation.usage.output_tokens) == (2, 2)


@pytest.mark.parametrize("as_tokens", [True, False])
async def test_the_pieces_of_a_wrapped_paragraph_join_to_its_lines(
    as_tokens: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    wrapping = Wrapping(width=5, newline="\n> ")
    segments = (Segment("one", " ", wrapping), Segment("two", "\n", wrapping))
    emitted: list[str] = []
    request = make_request()
    document = Document("> ", segments)
    item = Item(index=0, document=document, streams_tokens=True, with_scores=False)
    generation = Generation(Streaming(as_tokens=as_tokens), request, max_in_flight=2)
    found = await answer(
        item,
        answering(generation),
        emit=lambda _, __, text: emitted.append(text),
    )
    assert found.text == "> a b\n> a b\n"
    assert "".join(emitted) == found.text
