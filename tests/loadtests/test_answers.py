"""Wrong answers count as failures, right ones do not."""

from typing import Any

import pytest

from loadtests.answers import (
    Consistency,
    WrongAnswerError,
    refusal,
    sse_events,
    streamed_text,
    styles,
    summary,
    targets,
    translations,
)


def _body(
    *texts: str, truncated: bool = False, output_tokens: int = 3, input_characters: int = 9
) -> dict[str, Any]:
    return {
        "model": "tiny",
        "translations": [{"text": text, "truncated": truncated} for text in texts],
        "usage": {
            "input_characters": input_characters,
            "input_tokens": 3,
            "output_tokens": output_tokens,
        },
    }


def test_a_right_answer_gives_its_texts() -> None:
    assert translations(_body("eins", "zwei"), texts=["one", "two"]) == ["eins", "zwei"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(_body("eins"), id="too few"),
        pytest.param(_body("eins", " "), id="empty"),
        pytest.param(_body("eins", "zwei", truncated=True), id="cut"),
        pytest.param(_body("eins", "zwei", output_tokens=0), id="no output counted"),
        pytest.param(_body("eins", "zwei", input_characters=0), id="no input counted"),
        pytest.param({"error": "no"}, id="an error object"),
    ],
)
def test_a_wrong_answer_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(WrongAnswerError):
        translations(body, texts=["one", "two"])


def _summarized(text: str, *, truncated: bool = False) -> dict[str, Any]:
    body = _body(text, truncated=truncated)
    return {**body, "summaries": body["translations"]}


@pytest.mark.parametrize("text", ["It rains all day.", "It rains."])
def test_a_right_summary_is_given(text: str) -> None:
    assert summary(_summarized("It rains."), text=text) == "It rains."


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(_body("It rains."), id="no summary"),
        pytest.param(_summarized(""), id="empty"),
        pytest.param(_summarized("It rains.", truncated=True), id="cut"),
        pytest.param(_summarized("It rains all day and all night."), id="longer"),
    ],
)
def test_a_wrong_summary_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(WrongAnswerError):
        summary(body, text="It rains all day.")


def test_the_styles_are_those_of_every_model() -> None:
    models = [{"styles": []}, {"styles": ["tldr", "headline"]}]
    assert styles({"models": models}) == ["tldr", "headline"]


def test_the_targets_are_those_of_the_source_language() -> None:
    body = {
        "languages": [{"code": "de", "targets": ["en"]}, {"code": "en", "targets": ["de", "fr"]}]
    }
    assert targets(body, source="en") == ["de", "fr"]
    with pytest.raises(WrongAnswerError, match="nothing from 'es'"):
        targets(body, source="es")


def test_a_refusal_is_the_sentence_without_the_request_id() -> None:
    assert refusal(503, '{"error": "the queue is full", "request_id": "1"}') == (
        "503: the queue is full"
    )
    assert refusal(500, "<html>") == "500: <html>"


def test_events_are_read_and_comments_skipped() -> None:
    lines = [": ping", "", "event: token", 'data: {"index": 0, "text": "a: b"}', ""]
    assert list(sse_events(lines)) == [("token", {"index": 0, "text": "a: b"})]


def test_a_stream_whose_pieces_make_the_text_is_right() -> None:
    events = [("token", {"text": "Guten"}), ("token", {"text": " Tag."})]
    whole = streamed_text([*events, ("done", _body("Guten Tag."))], text="Hello.")
    assert whole == "Guten Tag."


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([("token", {"text": "Guten"})], id="no end"),
        pytest.param([("token", {"text": "Gute"}), ("done", _body("Guten"))], id="lost piece"),
        pytest.param([("error", {"error": "overloaded"})], id="error"),
    ],
)
def test_a_broken_stream_is_refused(events: list[tuple[str, Any]]) -> None:
    with pytest.raises(WrongAnswerError):
        streamed_text(events, text="Hello.")


def test_the_same_text_must_get_the_same_translation() -> None:
    consistency = Consistency()
    consistency.check("one", "de", "eins")
    consistency.check("one", "fr", "un")
    consistency.check("one", "de", "eins")
    with pytest.raises(WrongAnswerError, match="eins"):
        consistency.check("one", "de", "ein")
