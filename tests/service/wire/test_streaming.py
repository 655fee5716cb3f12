"""Streamed answers: the pieces joined are the text, whatever the order in which they came."""

import json
import math
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from model.errors import EngineStoppedError
from service.backend import Event, FinishedEvent, GenerateRequest
from tests.support.service.clients import Json, client_of, sse_events
from tests.support.service.fakes import SUMMARIZER, FakeBackend, same

BODY: Json = {"target_lang": "de", "source_lang": "en", "stream": True}


def stream(client: TestClient, **fields: Any) -> list[tuple[str, Json]]:
    response = client.post("/v1/translate", json={**BODY, **fields})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["x-accel-buffering"] == "no"
    return sse_events(response.text)


def joined(events: list[tuple[str, Json]], kind: str, index: int) -> str:
    return "".join(e["text"] for name, e in events if name == kind and e["index"] == index)


@pytest.mark.parametrize(("num_beams", "kind"), [(1, "token"), (3, "segment")])
@hypothesis_settings(max_examples=25)
@given(
    items=st.lists(
        st.lists(
            st.sampled_from(["One is here. ", "Two two.", "\n", "  ", "x", "7", "a@b.de "])
        ).map("".join),
        min_size=1,
        max_size=3,
    )
)
def test_the_pieces_of_an_item_join_to_its_text(
    num_beams: int, kind: str, items: list[str]
) -> None:
    events = stream(client_of(FakeBackend(answer=same)), text=items, num_beams=num_beams)
    assert {name for name, _ in events} <= {kind, "done"}
    name, done = events[-1]
    assert name == "done"
    assert [item["text"] for item in done["translations"]] == items
    assert [joined(events, kind, i) for i in range(len(items))] == items


@pytest.mark.parametrize("num_beams", [1, 3])
@pytest.mark.parametrize("text", ["", " \n", "12:30\n-----", "https://example.com/"])
def test_a_text_without_words_is_streamed_as_it_is_and_no_model_is_asked(
    text: str, num_beams: int
) -> None:
    backend = FakeBackend()
    events = stream(client_of(backend), text=text, num_beams=num_beams)
    assert "".join(e["text"] for name, e in events if name != "done") == text
    assert {name for name, _ in events} <= {"token" if num_beams == 1 else "segment", "done"}
    assert events[-1][1]["translations"][0]["text"] == text
    assert backend.requests == []


def test_beams_that_a_model_has_for_this_task_alone_are_streamed_by_segments() -> None:
    text = "One is here. Two is there."
    events = stream(client_of(FakeBackend(answer=same, num_beams=4)), text=text)
    assert {name for name, _ in events} == {"segment", "done"}
    assert joined(events, "segment", 0) == text


def test_done_is_the_whole_response_object() -> None:
    client = client_of()
    body = {**BODY, "text": "One is here. Two is there.", "return": ["scores"]}
    whole = client.post("/v1/translate", json={**body, "stream": False}).json()
    assert stream(client, **body)[-1] == ("done", whole)


def test_a_segment_waits_for_the_one_before_it() -> None:
    text = "One two three four five six. Seven eight."
    events = stream(client_of(FakeBackend(pause_s=0.002)), text=text, num_beams=2)
    assert [e["text"] for name, e in events if name == "segment"] == [
        "ONE TWO THREE FOUR FIVE SIX. ",
        "SEVEN EIGHT.",
    ]


def test_ndjson_has_one_object_a_line() -> None:
    response = client_of().post(
        "/v1/translate",
        json={**BODY, "stream": False, "text": "Good morning."},
        headers={"accept": "application/x-ndjson"},
    )
    assert response.headers["content-type"] == "application/x-ndjson"
    events = [json.loads(line) for line in response.text.splitlines()]
    assert [event["event"] for event in events] == ["token", "token", "done"]
    assert events[-1]["translations"][0]["text"] == "GOOD MORNING."


def test_accept_alone_asks_for_a_stream() -> None:
    response = client_of().post(
        "/v1/translate",
        json={**BODY, "stream": False, "text": "Good morning."},
        headers={"accept": "text/event-stream"},
    )
    assert sse_events(response.text)[-1][0] == "done"


def test_a_summary_is_streamed_too() -> None:
    client = client_of(FakeBackend(served=(SUMMARIZER,)))
    response = client.post("/v1/summarize", json={"text": "One two three four.", "stream": True})
    events = sse_events(response.text)
    assert joined(events, "token", 0) == "One two three"
    assert events[-1][1]["summaries"][0]["text"] == "One two three"


def test_an_error_in_mid_stream_is_an_event_with_the_error_object() -> None:
    backend = FakeBackend(error=EngineStoppedError("stopped"), error_at="bad", pause_s=0.002)
    events = stream(client_of(backend), text="This is a good one.\nbad " + "word " * 10)
    name, problem = events[-1]
    assert (name, problem["code"], problem["error"]) == ("error", "engine_stopped", "stopped")
    assert "done" not in {name for name, _ in events}


def test_an_error_before_the_first_piece_still_has_its_status() -> None:
    backend = FakeBackend(error=EngineStoppedError("stopped"))
    response = client_of(backend).post("/v1/translate", json={**BODY, "text": "Good morning."})
    assert (response.status_code, response.json()["code"]) == (503, "engine_stopped")
    assert response.headers["retry-after"] == "1"


def test_a_deadline_in_mid_stream_is_an_error_event() -> None:
    events = stream(client_of(FakeBackend(hang_after=1)), text="Good morning.", timeout_ms=300)
    assert events[0][0] == "token"
    assert (events[-1][0], events[-1][1]["code"]) == ("error", "deadline_exceeded")


@pytest.mark.parametrize(
    ("accept", "ping"),
    [("text/event-stream", ": ping\n\n"), ("application/x-ndjson", '{"event":"ping"}\n')],
)
def test_silence_is_broken_by_a_ping(accept: str, ping: str) -> None:
    client = client_of(FakeBackend(pause_s=0.1), ping_interval_s=0.02)
    response = client.post(
        "/v1/translate", json={**BODY, "text": "Good morning."}, headers={"accept": accept}
    )
    assert response.text.startswith(ping)


def test_a_score_that_is_no_number_is_null_in_a_stream_as_in_one_piece() -> None:
    class Unlikely(FakeBackend):
        async def generate(self, request: GenerateRequest) -> AsyncGenerator[Event, None]:
            async for event in super().generate(request):
                if isinstance(event, FinishedEvent):
                    outputs = tuple(replace(output, score=-math.inf) for output in event.outputs)
                    yield replace(event, outputs=outputs)
                else:
                    yield event

    client = client_of(Unlikely())
    body = {**BODY, "text": "One is here.", "return": ["scores"]}
    whole = client.post("/v1/translate", json={**body, "stream": False}).json()
    assert whole["translations"][0]["score"] is None
    assert stream(client, **body)[-1] == ("done", whole)
