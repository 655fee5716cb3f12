"""`/v1/summarize`: as a whole, or by parts where the model cannot read so much."""

import pytest

from model.tokenizer.prompt import Summarization
from tests.support.service.clients import Json, client_of, refusal
from tests.support.service.fakes import SUMMARIZER, TRANSLATOR, FakeBackend, same

SHORT = "The quick brown fox jumps. It is over."
LONG = ("Here a sentence says something. " * 30).strip()


def backend_of() -> FakeBackend:
    return FakeBackend(served=(TRANSLATOR, SUMMARIZER))


def summarize(backend: FakeBackend, body: Json) -> Json:
    response = client_of(backend).post("/v1/summarize", json=body)
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


def test_the_answer_has_exactly_the_fields_of_the_contract() -> None:
    assert summarize(backend_of(), {"text": SHORT}) == {
        "model": "fake/summarize",
        "summaries": [{"text": "The quick brown", "truncated": False}],
        "usage": {"input_characters": 38, "input_tokens": 38, "output_tokens": 3},
    }


def test_a_text_is_read_as_a_whole() -> None:
    backend = backend_of()
    summarize(backend, {"text": [SHORT, SHORT]})
    assert [request.text for request in backend.requests] == [SHORT, SHORT]


def test_the_lines_of_a_wrapped_text_are_one_to_the_model() -> None:
    backend = backend_of()
    answer = summarize(backend, {"text": "  The quick\n  brown\tfox jumps.\n\nIt is\r\nover.\n"})
    assert [request.text for request in backend.requests] == [SHORT]
    assert answer["summaries"][0]["text"] == "  The quick brown\n"


@pytest.mark.parametrize(("style", "taken"), [(None, "headline"), ("tldr", "tldr")])
def test_the_style_is_the_model_s_first_unless_named(style: str | None, taken: str) -> None:
    backend = backend_of()
    summarize(backend, {"text": SHORT, "style": style})
    assert backend.requests[0].task == Summarization(taken)


def test_a_long_text_is_summarized_by_parts_and_then_as_a_whole() -> None:
    backend = backend_of()
    answer = summarize(backend, {"text": LONG})
    *parts, last = [request.text for request in backend.requests]
    assert answer["summaries"] == [{"text": "Here a sentence.", "truncated": False}]
    assert all(len(part) <= 64 for part in parts)
    assert last.startswith("Here a sentence. Here a sentence.")
    assert answer["usage"]["input_tokens"] == sum(len(r.text) for r in backend.requests)


def test_a_summarizer_that_shortens_nothing_does_not_run_for_ever() -> None:
    backend = FakeBackend(served=(SUMMARIZER,), answer=same)
    status, code, _ = refusal(client_of(backend), "/v1/summarize", {"text": LONG})
    assert (status, code) == (413, "input_too_long")


def test_truncation_is_done_and_reported_only_when_asked_for() -> None:
    backend = backend_of()
    answer = summarize(backend, {"text": LONG, "on_overflow": "truncate"})
    assert answer["summaries"][0]["truncated"]
    assert len(backend.requests) == 1


def test_a_summary_is_truncated_if_a_part_of_any_round_was() -> None:
    backend = backend_of()
    backend.cuts = "says"  # the text's own parts, and none of their summaries
    answer = summarize(backend, {"text": LONG})
    assert len([r for r in backend.requests if "says" not in r.text]) > 2, "more than two rounds"
    assert answer["summaries"][0]["truncated"]


def test_a_text_without_words_is_its_own_summary_and_no_model_is_asked() -> None:
    backend = backend_of()
    texts = ["", " \n\t", "12.5 %", "🙂 🙂\n", "https://example.com/" + "a" * 200]
    answer = summarize(backend, {"text": texts})
    assert [item["text"] for item in answer["summaries"]] == texts
    assert backend.requests == []


def test_each_line_is_summarized_for_itself_when_asked() -> None:
    answer = summarize(backend_of(), {"text": "a b c d\n\n e f g h", "split": "newlines"})
    assert answer["summaries"][0]["text"] == "a b c\n\n e f g"


@pytest.mark.parametrize(
    ("change", "status", "code", "words"),
    [
        pytest.param({"style": "haiku"}, 422, "invalid_field", "headline, tldr", id="style"),
        pytest.param(
            {"model": "fake/translate"}, 422, "unsupported_task", "translation", id="task"
        ),
        pytest.param({"target_lang": "de"}, 422, "invalid_field", "`target_lang`", id="language"),
    ],
)
def test_a_request_that_cannot_be_answered_is_told_why(
    change: Json, status: int, code: str, words: str
) -> None:
    found = refusal(client_of(backend_of()), "/v1/summarize", {"text": SHORT, **change})
    assert found[:2] == (status, code)
    assert words in found[2]


def test_without_a_summarizer_the_route_says_so() -> None:
    found = refusal(client_of(), "/v1/summarize", {"text": SHORT})
    assert found == (
        404,
        "task_not_served",
        "no model of this service's catalogue offers summarization",
    )
