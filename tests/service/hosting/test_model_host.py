"""Checkpoints on disk, answered from text to text: a served model and one request."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model.engine.params import FinishReason
from model.engine.search.repetition import SHORT_RUN, count_repeats
from model.errors import (
    DeadlineExceededError,
    InputTooLongError,
    InvalidParamsError,
    UnsupportedTaskError,
)
from model.load import load_model
from model.tokenizer.prompt import Summarization, Translation
from service.backend import FinishedEvent, GenerateRequest, ParamOverrides, TokenEvent
from service.hosting.local_backend import LocalBackend
from tests.support.checkpoints.tiny_models import (
    SETTINGS,
    SUMMARIZER,
    TEXT,
    TRANSLATOR,
    make_request,
    tiny_entry,
    write_tiny_models,
)
from tests.support.checkpoints.tokenizers import ENGLISH, make_sentences

GERMAN_PLEASE = Translation("de", "en")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def backend(folders: dict[str, Path]) -> Iterator[LocalBackend]:
    served = LocalBackend([tiny_entry(folders), tiny_entry(folders, SUMMARIZER)], SETTINGS)
    yield served
    served.close()


async def generate(backend: LocalBackend, request: GenerateRequest) -> tuple[str, FinishedEvent]:
    """Return the streamed pieces, joined, and the last event."""
    *pieces, last = [event async for event in backend.generate(request)]
    assert isinstance(last, FinishedEvent)
    assert all(isinstance(piece, TokenEvent) for piece in pieces)
    return "".join(piece.text for piece in pieces if isinstance(piece, TokenEvent)), last


async def test_a_text_is_answered_by_a_text(backend: LocalBackend) -> None:
    streamed, last = await generate(backend, make_request())
    assert streamed == ""
    (output,) = last.outputs
    assert output.text
    assert last.input_tokens == await backend.count_tokens(TRANSLATOR, TEXT, GERMAN_PLEASE)
    assert last.output_tokens >= len(output.token_ids)
    assert last.queue_s >= 0
    assert last.inference_s > 0


async def test_other_tasks_run_while_a_long_text_is_measured(backend: LocalBackend) -> None:
    turns: list[int] = []
    asyncio.get_running_loop().call_soon(turns.append, 1)
    await backend.count_tokens(TRANSLATOR, TEXT, GERMAN_PLEASE)
    assert turns == [1]


@pytest.mark.parametrize("name", [TRANSLATOR, SUMMARIZER])
@pytest.mark.parametrize("prefix", [None, "der Hund", "größer  "])
async def test_streamed_pieces_joined_are_the_text(
    backend: LocalBackend, name: str, prefix: str | None
) -> None:
    request = make_request(
        "The fox",
        model=name,
        task=GERMAN_PLEASE if name == TRANSLATOR else Summarization(),
        target_prefix=prefix,
        stream=True,
        temperature=3.0,
        max_new_tokens=12,
    )
    seen = set()
    for seed in range(8):
        seeded = replace(request, overrides=replace(request.overrides, seed=seed))
        streamed, last = await generate(backend, seeded)
        assert streamed == last.outputs[0].text
        seen.add(streamed)
    assert len(seen) > 4


async def test_a_forced_beginning_begins_the_text(backend: LocalBackend) -> None:
    _, last = await generate(backend, make_request(target_prefix="der Hund"))
    assert last.outputs[0].text.startswith("der Hund")


async def test_beams_stream_nothing_not_even_a_forced_beginning(backend: LocalBackend) -> None:
    request = make_request(stream=True, target_prefix="der Hund", num_beams=2)
    streamed, last = await generate(backend, request)
    assert streamed == ""
    assert last.outputs[0].text.startswith("der Hund")


async def test_a_stream_that_is_refused_sent_nothing_before(backend: LocalBackend) -> None:
    request = make_request(stream=True, target_prefix="der", num_beams=1, timeout_ms=0.0)
    events = backend.generate(request)
    with pytest.raises(DeadlineExceededError):
        await anext(events)


async def test_alternatives_come_best_first_with_scores(backend: LocalBackend) -> None:
    request = make_request(num_beams=4, num_return=3, return_scores=True, length_penalty=1.0)
    _, last = await generate(backend, request)
    scores = [output.score for output in last.outputs]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert all(score < 0 for score in scores)


@pytest.mark.parametrize("params", [{}, {"num_beams": 1}, {"seed": 3}], ids=str)
async def test_scores_are_given_only_where_they_were_asked_for(
    backend: LocalBackend, params: dict[str, Any]
) -> None:
    _, without = await generate(backend, make_request(**params))
    _, scored = await generate(backend, make_request(return_scores=True, **params))
    assert without.outputs[0].score == 0.0
    assert scored.outputs[0].score < 0
    assert without.outputs[0].text == scored.outputs[0].text


async def test_output_that_was_cut_is_marked(backend: LocalBackend) -> None:
    _, last = await generate(backend, make_request(max_new_tokens=2))
    assert last.finish_reason is FinishReason.LENGTH
    assert last.truncated


async def test_an_input_too_long_is_refused_or_cut_and_marked(backend: LocalBackend) -> None:
    long = make_request(TEXT * 9, num_beams=1)
    with pytest.raises(InputTooLongError, match=r"has \d+ tokens; this model reads at most 32"):
        await generate(backend, long)
    for seed in range(500):  # until an output ends by itself, which is no cut of its own
        request = replace(long, on_overflow="truncate", overrides=ParamOverrides(seed=seed))
        _, last = await generate(backend, request)
        assert last.truncated
        assert last.input_tokens == 32
        if last.finish_reason is FinishReason.STOP:
            return
    pytest.fail("no output ended by itself")


async def test_an_input_that_was_cut_is_read_like_a_text_that_ends_there(
    backend: LocalBackend, folders: dict[str, Path]
) -> None:
    """Its last token is the end of a sentence, as the model always saw it."""
    loaded, long = load_model(folders[TRANSLATOR]), TEXT * 9
    *whole, end = loaded.prompt(long, GERMAN_PLEASE).encoder_ids
    cut = (*whole[:31], end)
    short = next(
        long[:stop]
        for stop in range(len(long))
        if loaded.prompt(long[:stop], GERMAN_PLEASE).encoder_ids == cut
    )
    request = make_request(long, on_overflow="truncate", return_scores=True)
    _, from_long = await generate(backend, request)
    _, from_short = await generate(backend, replace(request, text=short))
    assert from_long.outputs == from_short.outputs


async def test_a_text_that_just_fits_is_not_too_long(backend: LocalBackend) -> None:
    counts = [await backend.count_tokens(TRANSLATOR, "a" * n, GERMAN_PLEASE) for n in range(40)]
    _, last = await generate(backend, make_request("a" * counts.index(32)))
    assert last.input_tokens == 32


@pytest.mark.parametrize("text", ["", " ", "\n", "\x00", "🤷", "\u0301", "></s>>", "\ud800 x"])
async def test_odd_texts_are_answered_too(backend: LocalBackend, text: str) -> None:
    for name, task in ((TRANSLATOR, GERMAN_PLEASE), (SUMMARIZER, Summarization())):
        request = make_request(text, model=name, task=task, max_new_tokens=3)
        _, last = await generate(backend, request)
        assert last.outputs


async def test_many_at_once_get_what_each_gets_alone(backend: LocalBackend) -> None:
    requests = [
        make_request(text, num_beams=1 + number % 3)
        for number, text in enumerate(make_sentences(ENGLISH, count=12))
    ]
    requests = [replace(r, text=r.text[:40]) for r in requests]
    limited = asyncio.Semaphore(9)

    async def one(request: GenerateRequest) -> str:
        async with limited:
            return (await generate(backend, request))[1].outputs[0].text

    together = await asyncio.gather(*map(one, requests))
    assert together == [await one(request) for request in requests]


# Whose parameters count


def test_the_catalogue_goes_before_the_checkpoint_and_says_so(folders: dict[str, Path]) -> None:
    plain = LocalBackend([tiny_entry(folders)], SETTINGS)
    changed = LocalBackend([tiny_entry(folders, defaults={"num_beams": 2})], SETTINGS)
    try:
        assert plain.models()[0].default_num_beams == 3  # of the checkpoint
        assert changed.models()[0].default_num_beams == 2
    finally:
        plain.close()
        changed.close()


async def test_the_catalogue_turns_the_guard_against_loops_on(folders: dict[str, Path]) -> None:
    request = make_request(num_beams=1, max_new_tokens=30)
    most = []
    for defaults in ({}, {"max_repeats": 3}):
        served = LocalBackend([tiny_entry(folders, defaults=defaults)], SETTINGS)
        try:
            _, last = await generate(served, request)
        finally:
            served.close()
        most.append(count_repeats(last.outputs[0].token_ids))
    free, guarded = most
    assert guarded <= SHORT_RUN < free


async def test_the_client_goes_before_the_catalogue(folders: dict[str, Path]) -> None:
    served = LocalBackend([tiny_entry(folders, defaults={"max_new_tokens": 3})], SETTINGS)
    try:
        _, default = await generate(served, make_request())
        _, chosen = await generate(served, make_request(max_new_tokens=5))
        assert len(default.outputs[0].token_ids) <= 3 < len(chosen.outputs[0].token_ids)
    finally:
        served.close()


async def test_sampling_means_one_beam_where_the_model_has_more(backend: LocalBackend) -> None:
    _, last = await generate(backend, make_request(seed=1, num_return=2))
    assert len(last.outputs) == 2
    with pytest.raises(InvalidParamsError, match="num_beams: 2 beams cannot be combined"):
        await generate(backend, make_request(seed=1, num_beams=2))


async def test_beams_mean_no_sampling_where_the_model_samples(folders: dict[str, Path]) -> None:
    served = LocalBackend(
        [tiny_entry(folders, defaults={"temperature": 2.0, "top_k": 5})], SETTINGS
    )
    try:
        assert served.models()[0].default_num_beams == 1
        _, sampled = await generate(served, make_request(num_return=3))
        _, searched = await generate(served, make_request(num_beams=2, num_return=2))
        assert (len(sampled.outputs), len(searched.outputs)) == (3, 2)
    finally:
        served.close()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"num_return": 4}, "num_return: 4 is not between 1 and 3"),
        ({"num_beams": 2, "num_return": 3}, "num_return: 3 is not between 1 and 2"),
        ({"max_new_tokens": 32}, "max_new_tokens: 32 is above the 31 this model can write"),
        ({"target_prefix": "der Hund " * 30}, r"target_prefix: \d+ tokens leave nothing of the 31"),
        ({"target_prefix": "der Hund " * 300}, r"target_prefix: has \d+ tokens; at most 256"),
    ],
)
async def test_what_the_model_cannot_do_is_refused_with_field_value_and_limit(
    backend: LocalBackend, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidParamsError, match=message):
        await generate(backend, make_request(**params))


async def test_a_translation_that_does_not_end_is_cut_at_a_few_times_its_source_and_says_so(
    folders: dict[str, Path],
) -> None:
    """Room enough for a script of three bytes a letter, where each byte is a token."""
    defaults = {"num_beams": 1, "min_new_tokens": 390, "max_new_tokens": 400}
    served = LocalBackend([tiny_entry(folders, max_new_tokens=400, defaults=defaults)], SETTINGS)
    try:
        _, last = await generate(served, make_request())
        assert last.truncated
        assert last.output_tokens == 4 * last.input_tokens + 32 < 400
        _, asked = await generate(served, make_request(max_new_tokens=300))
        assert asked.output_tokens == 300
    finally:
        served.close()


async def test_a_task_the_model_was_not_made_for_is_refused(backend: LocalBackend) -> None:
    with pytest.raises(UnsupportedTaskError):
        await generate(backend, make_request(task=Summarization()))
    with pytest.raises(UnsupportedTaskError, match="target_lang: 'xx' is not one of"):
        await generate(backend, make_request(task=Translation("xx")))
