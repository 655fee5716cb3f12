"""`/v1/summarize`: as a whole, or by parts where the model cannot read so much."""

import asyncio
import json

import pytest

from model.tokenizer.prompt import Summarization, Task
from tests.support.service.clients import Json, client_of, refusal, sse_events
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
    assert answer["summaries"][0]["text"] == "The quick brown"


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


@pytest.mark.parametrize("text", [LONG, "word " * 60, "x" * 300], ids=["sentences", "words", "x"])
def test_of_parts_that_are_not_shortened_what_the_model_reads_is_kept_and_said_to_be_cut(
    text: str,
) -> None:
    backend = FakeBackend(served=(SUMMARIZER,), answer=same)
    (summary,) = summarize(backend, {"text": text})["summaries"]
    assert summary["truncated"]
    assert summary["text"] == backend.requests[-1].text
    assert text.startswith(summary["text"].rstrip("."))
    assert 16 <= len(summary["text"]) <= 64


def test_what_is_kept_ends_with_a_sentence_if_it_can() -> None:
    backend = FakeBackend(served=(SUMMARIZER,), answer=same)
    (summary,) = summarize(backend, {"text": LONG})["summaries"]
    assert summary["text"].endswith("something.")


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
    assert answer["summaries"][0]["text"] == "a b c\n\ne f g"


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        pytest.param("\n\t  a b c d \n", "a b c", id="around"),
        pytest.param("a b c d\n    e f g h  \n\t\n", "a b c\ne f g", id="second line"),
        pytest.param(" 1.\n  a b c d\n  -----\n", "1.\na b c\n-----", id="lines without words"),
    ],
)
def test_no_indent_of_the_text_is_in_its_summary(text: str, summary: str) -> None:
    backend = backend_of()
    for stream in (False, True):
        body = {"text": text, "split": "newlines", "stream": stream}
        response = client_of(backend).post("/v1/summarize", json=body)
        if stream:
            *pieces, (_, done) = sse_events(response.text)
            assert "".join(piece["text"] for _, piece in pieces) == summary
        else:
            done = response.json()
        assert done["summaries"][0]["text"] == summary


def test_a_very_long_text_is_summarized_in_few_tasks_at_a_time() -> None:
    most_tasks = 0

    def shorten(text: str, _: Task) -> str:
        nonlocal most_tasks
        most_tasks = max(most_tasks, len(asyncio.all_tasks()))
        return " ".join(text.split()[:3])

    backend = FakeBackend(served=(SUMMARIZER,), answer=shorten)
    client = client_of(backend, max_text_characters=100_000, max_segments_in_flight=8)
    text = ("Here a sentence says something. " * 3_125).strip()
    response = client.post("/v1/summarize", json={"text": text})
    assert response.json()["summaries"][0] == {"text": "Here a sentence.", "truncated": False}
    assert len(backend.requests) > 3_000
    assert backend.most_running == 8
    assert most_tasks < 8 + 16


def test_each_part_that_is_done_is_told_before_the_summary() -> None:
    response = client_of(backend_of()).post("/v1/summarize", json={"text": LONG, "stream": True})
    events = sse_events(response.text)
    progress = [fields for name, fields in events if name == "progress"]
    assert [name for name, _ in events][: len(progress)] == ["progress"] * len(progress)
    assert [fields["done"] for fields in progress] == list(range(1, len(progress) + 1))
    assert all(fields["done"] <= fields["parts"] for fields in progress)
    assert progress[-1]["done"] == progress[-1]["parts"]
    pieces = "".join(fields["text"] for name, fields in events if name == "token")
    assert pieces == events[-1][1]["summaries"][0]["text"] == "Here a sentence."


def test_parts_are_counted_for_each_text_and_a_short_one_has_none() -> None:
    body = {"text": [LONG, SHORT, LONG], "stream": True}
    response = client_of(backend_of()).post("/v1/summarize", json=body)
    last = {f["index"]: f for name, f in sse_events(response.text) if name == "progress"}
    assert set(last) == {0, 2}
    assert last[0] == {**last[2], "index": 0}


def test_in_ndjson_progress_is_an_event_like_the_others() -> None:
    response = client_of(backend_of()).post(
        "/v1/summarize", json={"text": LONG}, headers={"accept": "application/x-ndjson"}
    )
    first = json.loads(response.text.splitlines()[0])
    assert first == {"event": "progress", "index": 0, "done": 1, "parts": first["parts"]}


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
