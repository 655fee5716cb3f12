"""`POST /v1/score`: the model that scores, what it reads, the answer, and refusals."""

import asyncio
from typing import Any

import httpx
import pytest

from model.errors import DeadlineExceededError, NoMemoryError, NoTokenError, QueueFullError
from model.tokenizer.prompt import Summarization, Translation
from tests.support.service.clients import Json, client_of, refusal, server_of
from tests.support.service.fakes import SUMMARIZER, TRANSLATOR, FakeBackend
from tests.support.service.waiting import until

GOOD: Json = {
    "text": "Good morning.",
    "output": "Guten Morgen.",
    "target_lang": "de",
    "source_lang": "en",
}


def score(backend: FakeBackend, **fields: Any) -> Json:
    body = {key: value for key, value in {**GOOD, **fields}.items() if value != "absent"}
    response = client_of(backend).post("/v1/score", json=body)
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


def both() -> FakeBackend:
    return FakeBackend(served=(TRANSLATOR, SUMMARIZER))


def test_every_token_is_told_with_its_place_and_the_end_is_the_last() -> None:
    assert score(FakeBackend()) == {
        "model": "fake/translate",
        "score": -2.0,
        "tokens": [
            {"text": "Guten", "start": 0, "end": 5, "logprob": -1.0},
            {"text": "Morgen.", "start": 6, "end": 13, "logprob": -2.0},
            {"text": "", "start": 13, "end": 13, "logprob": -3.0},
        ],
    }


def test_an_empty_output_has_its_end_alone() -> None:
    answer = score(FakeBackend(), output="")
    assert answer["tokens"] == [{"text": "", "start": 0, "end": 0, "logprob": -1.0}]


def test_the_language_is_detected_as_for_a_translation() -> None:
    backend = FakeBackend()
    score(backend, text="Where is the train station?", source_lang=None)
    (request,) = backend.scored
    assert request.task == Translation("de", "en")
    assert not request.with_links


def test_codes_of_languages_are_those_of_translation() -> None:
    backend = FakeBackend()
    score(backend, target_lang="de-AT", source_lang="eng_Latn")
    assert backend.scored[0].task == Translation("de", "en")


@pytest.mark.parametrize(
    ("style", "expected"), [("headline", "headline"), ("tldr", "tldr"), (None, "headline")]
)
def test_a_style_makes_it_a_summary_s(style: str | None, expected: str) -> None:
    backend = both()
    answer = score(backend, style=style, target_lang="absent", source_lang="absent")
    assert answer["model"] == "fake/summarize"
    assert backend.scored[0].task == Summarization(expected)


def test_the_model_reads_what_it_would_have_read() -> None:
    backend = both()
    score(backend, text="  Good\n morning. \n")
    summary = {"style": "tldr", "target_lang": "absent", "source_lang": "absent"}
    score(backend, text="  Good\n morning. \n", **summary)
    assert [request.text for request in backend.scored] == ["Good\n morning.", "Good morning."]


def test_the_output_is_taken_as_it_is() -> None:
    answer = score(FakeBackend(), output="  Guten\n")
    assert answer["tokens"][0] == {"text": "Guten", "start": 2, "end": 7, "logprob": -1.0}
    assert answer["tokens"][-1]["start"] == 8


def test_a_model_is_held_while_it_scores() -> None:
    backend = both()
    score(backend, model="fake/translate")
    assert backend.held == ["fake/translate"]


@pytest.mark.parametrize(
    ("change", "status", "code", "words"),
    [
        pytest.param({"text": "a" * 65}, 413, "input_too_long", "65 tokens", id="long text"),
        pytest.param(
            {"output": "w " * 65}, 413, "output_too_long", "65 tokens; this model writes at most 64"
        ),
        pytest.param(
            {"output": "w" * 50_001}, 413, "text_too_long", "`output` has 50001 characters"
        ),
        pytest.param({"text": "w" * 50_001}, 413, "text_too_long", "`text` has 50001 characters"),
        pytest.param({"target_lang": "xx"}, 422, "unknown_language", "'xx'", id="target"),
        pytest.param({"source_lang": "fr"}, 422, "unsupported_pair", "fr-de", id="pair"),
        pytest.param(
            {"text": "Wo ist der Bahnhof, bitte?", "source_lang": None},
            422,
            "unsupported_pair",
            "no model translates de-de",
            id="no translation at all",
        ),
        pytest.param({"model": "none"}, 404, "model_not_found", "'none'", id="model"),
        pytest.param({"style": "tldr"}, 422, "invalid_field", "`style` excludes", id="both kinds"),
        pytest.param({"text": ["a"]}, 422, "invalid_field", "`text` must be a string", id="list"),
        pytest.param({"output": 7}, 422, "invalid_field", "`output` must be a string", id="number"),
        pytest.param({"num_beams": 2}, 422, "invalid_field", "`num_beams` is not", id="unknown"),
    ],
)
def test_a_request_that_cannot_be_answered_is_refused(
    change: Json, status: int, code: str, words: str
) -> None:
    found = refusal(client_of(both()), "/v1/score", {**GOOD, **change})
    assert found[:2] == (status, code)
    assert words in found[2]


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (("text",), "`text` is required"),
        (("output",), "`output` is required"),
        (("target_lang",), "`target_lang` is required, or `style`"),
    ],
    ids=str,
)
def test_a_missing_field_is_named(missing: tuple[str, ...], words: str) -> None:
    body = {key: value for key, value in GOOD.items() if key not in missing}
    status, code, sentence = refusal(client_of(), "/v1/score", body)
    assert (status, code) == (422, "invalid_field")
    assert words in sentence


def test_a_summary_has_no_source_language() -> None:
    body = {"text": "a", "output": "b", "style": "tldr", "source_lang": "en"}
    found = refusal(client_of(both()), "/v1/score", body)
    assert found[1] == "invalid_field"
    assert "`source_lang` belongs to `target_lang`" in found[2]


def test_the_task_must_be_served() -> None:
    body = {"text": "a", "output": "b", "style": "tldr"}
    assert refusal(client_of(FakeBackend()), "/v1/score", body)[1] == "task_not_served"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NoMemoryError(), 503, "out_of_memory"),
        (NoTokenError(), 500, "internal_error"),
        (DeadlineExceededError(timeout_ms=7), 504, "deadline_exceeded"),
        (QueueFullError(num_waiting=3, limit=3), 503, "queue_full"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_failures_of_the_model_are_told(error: Exception, status: int, code: str) -> None:
    assert refusal(client_of(FakeBackend(error=error)), "/v1/score", GOOD)[:2] == (status, code)


def test_a_full_queue_refuses_before_the_model_is_asked() -> None:
    backend = FakeBackend(places=0)
    assert refusal(client_of(backend), "/v1/score", GOOD)[:2] == (503, "queue_full")
    assert backend.scored == []


def test_the_deadline_is_kept() -> None:
    backend = FakeBackend(gate=asyncio.Event())
    client = client_of(backend, default_timeout_ms=20)
    assert refusal(client, "/v1/score", GOOD)[:2] == (504, "deadline_exceeded")


async def test_a_client_that_leaves_ends_the_scoring() -> None:
    backend = FakeBackend(gate=asyncio.Event())
    async with server_of(backend) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/v1/score", json=GOOD, timeout=0.2)
        await until(lambda: backend.num_running == 0)
        assert len(backend.aborted) == 1
