"""`/v1/translate` that cannot answer: what the client is told, and what ends with it."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from model.errors import (
    DeadlineExceededError,
    EngineStoppedError,
    ModelError,
    NoMemoryError,
    NoTokenError,
)
from tests.support.service.clients import Json, client_of, refusal
from tests.support.service.fakes import SUMMARIZER, TRANSLATOR, FakeBackend

GOOD: Json = {"text": "Good morning.", "target_lang": "de", "source_lang": "en"}


@pytest.mark.parametrize(
    ("change", "status", "code", "words"),
    [
        pytest.param(
            {"on_overflow": "error", "text": "word " * 40}, 413, "input_too_long", "199", id="long"
        ),
        pytest.param({"target_lang": "xx"}, 422, "unknown_language", "'xx'", id="target"),
        pytest.param({"source_lang": "auto"}, 422, "unknown_language", "'auto'", id="source"),
        pytest.param(
            {"source_lang": "fr"},
            422,
            "unsupported_pair",
            "fr-de; fr is translated to en, and en to de",
            id="pair",
        ),
        pytest.param({"source_lang": "de"}, 422, "unsupported_pair", "de-de", id="same language"),
        pytest.param(
            {"source_lang": None, "text": "Où est la gare de Lyon ?"},
            422,
            "unsupported_pair",
            "`text` is detected to be in French, and no model translates fr-de",
            id="detected pair",
        ),
        pytest.param({"model": "none"}, 404, "model_not_found", "'none'", id="model"),
        pytest.param(
            {"model": "fake/summarize"}, 422, "unsupported_task", "summarization", id="task"
        ),
        pytest.param({"text": []}, 422, "invalid_field", "0 entries", id="no item"),
        pytest.param({"text": ["a"] * 129}, 422, "invalid_field", "1 to 128", id="items"),
        pytest.param({"text": ["a" * 25_001] * 2}, 413, "text_too_long", "50002", id="characters"),
        pytest.param({"timeout_ms": 120_001}, 422, "invalid_field", "120000", id="timeout"),
        pytest.param({"num_return": 2}, 422, "invalid_field", "num_return: 2", id="outputs"),
        pytest.param(
            {"num_beams": 2, "top_k": 5}, 422, "invalid_field", "num_beams: 2", id="exclusive"
        ),
        pytest.param({"max_new_tokens": 65}, 422, "invalid_field", "at most 64", id="tokens"),
        pytest.param({"attributes": ["title"]}, 422, "invalid_field", "`format`", id="attributes"),
        pytest.param(
            {"glossary": "x"}, 422, "invalid_field", "the glossaries are none", id="glossary"
        ),
        pytest.param(
            {"glossary": [{"source": "", "target": "x"}]},
            422,
            "invalid_field",
            "`glossary[0].source` is empty",
            id="entry of a glossary",
        ),
    ],
)
def test_a_request_that_cannot_be_answered_is_told_why(
    change: Json, status: int, code: str, words: str
) -> None:
    client = client_of(FakeBackend(served=(TRANSLATOR, SUMMARIZER)))
    found_status, found_code, sentence = refusal(client, "/v1/translate", {**GOOD, **change})
    assert (found_status, found_code) == (status, code)
    assert words in sentence


def test_a_full_queue_is_told_when_to_come_back() -> None:
    response = client_of(FakeBackend(places=0), retry_after_s=3).post("/v1/translate", json=GOOD)
    assert (response.status_code, response.json()["code"]) == (503, "queue_full")
    assert response.headers["retry-after"] == "3"


def test_the_first_failure_cancels_the_rest() -> None:
    backend = FakeBackend(pause_s=0.05, error=EngineStoppedError("stopped"), error_at="bad")
    items = ["This is good and long enough.", "bad one"]
    status, code, _ = refusal(client_of(backend), "/v1/translate", {**GOOD, "text": items})
    assert (status, code) == (503, "engine_stopped")
    assert len(backend.aborted) == 1
    assert backend.num_running == 0


def test_the_timeout_covers_the_whole_request() -> None:
    backend = FakeBackend(hang_after=1)
    body = {**GOOD, "timeout_ms": 100}
    status, code, sentence = refusal(client_of(backend), "/v1/translate", body)
    assert (status, code) == (504, "deadline_exceeded")
    assert "100 ms" in sentence
    assert len(backend.aborted) == 1


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DeadlineExceededError(timeout_ms=7), 504),
        (EngineStoppedError("it failed"), 503),
        (NoMemoryError(), 503),
        (NoTokenError(), 500),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_failure_after_some_tokens_is_no_answer(error: ModelError, status: int) -> None:
    backend = FakeBackend(error=error, error_at="last")
    body = {**GOOD, "text": "One is here. Two is last."}
    with capture_logs():
        found, _, _ = refusal(client_of(backend), "/v1/translate", body)
    assert found == status


def test_a_fault_of_ours_shows_no_detail() -> None:
    client = client_of(FakeBackend(error=RuntimeError("secret")))
    with capture_logs():
        status, code, sentence = refusal(client, "/v1/translate", GOOD)
    assert (status, code) == (500, "internal_error")
    assert "secret" not in sentence


def test_a_queue_that_fills_up_later_is_told_too() -> None:
    items: Any = ["This is the first.", "This is the second."]
    status, _, _ = refusal(
        client_of(FakeBackend(places=1)), "/v1/translate", {**GOOD, "text": items}
    )
    assert status == 503
