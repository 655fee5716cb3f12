"""Segments at the backend: measured only in doubt, all or nothing."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from dataclasses import dataclass, field, replace

import pytest

from model.errors import EngineStoppedError
from model.tokenizer.prompt import Task, Translation
from service.backend import Event, GenerateRequest
from service.tasks.generation import Generation, all_or_nothing
from service.tasks.layout import lay_out
from service.text.markup.document import parse
from tests.support.service.fakes import TRANSLATOR, FakeBackend, make_request

TASK = Translation("de", "en")


@dataclass
class CountingBackend(FakeBackend):
    """Remembers what it measured."""

    measured: list[str] = field(default_factory=list)

    async def count_tokens(self, model: str, text: str, task: Task) -> int:
        self.measured.append(text)
        return await super().count_tokens(model, text, task)


class PrefixingBackend(FakeBackend):
    """Its model reads something in front of every text."""

    async def count_tokens(self, model: str, text: str, task: Task) -> int:
        return await super().count_tokens(model, f"translate English: {text}", task)


@pytest.mark.parametrize(
    ("text", "is_measured"),
    [
        pytest.param("a" * 56, False, id="surely fits"),
        pytest.param("a" * 57, True, id="might not"),
        pytest.param("ä" * 28, False, id="two bytes each"),
        pytest.param("ä" * 29, True, id="two bytes each, might not"),
        pytest.param("\ufdfa" * 3, True, id="grows when normalised"),
        pytest.param("\uff21" * 20, True, id="shrinks when normalised"),
    ],
)
async def test_a_text_is_measured_only_if_its_bytes_leave_a_doubt(
    text: str,
    is_measured: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    backend = CountingBackend()
    generation = Generation(backend, make_request(), max_in_flight=1)
    assert await generation.fits(TRANSLATOR, text, TASK)
    assert (text in backend.measured) == is_measured


@pytest.mark.parametrize("text", ["a" * 4_097, "\ufdfa" * 125], ids=["as it is", "normalised"])
async def test_a_text_of_far_too_many_bytes_is_cut_unmeasured(text: str) -> None:
    backend = CountingBackend()
    generation = Generation(backend, make_request(), max_in_flight=1)
    assert not await generation.fits(TRANSLATOR, text, TASK)
    assert text not in backend.measured


async def test_what_a_prefix_takes_is_not_free_for_a_text() -> None:
    generation = Generation(PrefixingBackend(), make_request(), max_in_flight=1)
    assert await generation.fits(TRANSLATOR, "a" * 36, TASK)
    assert not await generation.fits(TRANSLATOR, "a" * 50, TASK)


async def test_the_model_s_limit_itself_still_fits() -> None:
    generation = Generation(FakeBackend(), make_request(), max_in_flight=1)
    model = replace(TRANSLATOR, max_input_tokens=10)
    assert await generation.fits(model, "a" * 10, TASK)
    assert not await generation.fits(model, "a" * 11, TASK)


async def test_results_are_in_order_whatever_finishes_first() -> None:
    async def after(turns: int) -> int:
        for _ in range(turns):
            await asyncio.sleep(0)
        return turns

    assert await all_or_nothing([after(5), after(1), after(3)]) == [5, 1, 3]


async def test_the_first_failure_is_raised_by_itself_and_cancels_the_rest() -> None:
    cancelled = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("nested")

    async def nested() -> None:
        await all_or_nothing([wait(), fail()])

    with pytest.raises(KeyError, match="nested"):
        await all_or_nothing([wait(), nested()])
    assert cancelled.is_set()


async def test_an_engine_that_says_nothing_is_no_answer() -> None:
    class Silent(FakeBackend):
        async def generate(self, request: GenerateRequest) -> AsyncGenerator[Event, None]:
            self.requests.append(request)
            silence: tuple[Event, ...] = ()
            for event in silence:
                yield event

    generation = Generation(Silent(), make_request(), max_in_flight=1)
    with pytest.raises(EngineStoppedError, match="without an answer"):
        await generation.run(TRANSLATOR, "Hello", TASK, prefix=None, on_text=None)


async def test_no_work_has_no_results() -> None:
    assert await all_or_nothing([]) == []


async def test_no_more_run_at_a_time_than_asked_for_and_the_first_come_first() -> None:
    started: list[int] = []
    num_running = most_running = 0

    async def work(number: int) -> int:
        nonlocal num_running, most_running
        started.append(number)
        num_running += 1
        most_running = max(most_running, num_running)
        await asyncio.sleep(0)
        num_running -= 1
        return number

    assert await all_or_nothing([work(i) for i in range(20)], at_once=3) == list(range(20))
    assert started == list(range(20))
    assert most_running == 3


async def test_after_a_failure_nothing_more_is_begun() -> None:
    started: list[int] = []

    async def work(number: int) -> None:
        started.append(number)
        raise EngineStoppedError("stopped")

    with pytest.raises(EngineStoppedError):
        await all_or_nothing([work(i) for i in range(20)], at_once=2)
    assert len(started) <= 2


async def turns_during(work: Awaitable[object]) -> int:
    """Return how often another task had a turn meanwhile."""
    num_turns = 0

    async def other() -> None:
        nonlocal num_turns
        while True:
            num_turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await work
    task.cancel()
    return num_turns


async def test_others_have_a_turn_among_work_that_waits_for_nothing() -> None:
    async def work() -> None:
        pass

    assert await turns_during(all_or_nothing([work() for _ in range(100)], at_once=2)) >= 50


async def test_others_have_a_turn_while_a_page_is_cut() -> None:
    page = parse("<p>Hello there. And you?</p>" * 1_000, format="html")
    laid_out = lay_out(page.source, markup=page, mode="sentences", language="en", fits=None)
    assert await turns_during(laid_out) >= 10
