"""From HTTP to text: real requests, through HAProxy, to two replicas with the bundled models."""

import asyncio
from typing import Any

import httpx
import pytest

from loadtests.corpus import ABSTRACTS
from tests.support.service.clients import sse_events
from tests.support.service.running import RunningService, value_of, wait_for_metric
from tests.support.service.waiting import wait_until

SENTENCES = [
    f"{who} {what} {when}."
    for who in ("My brother", "The old man", "She", "Nobody", "The teacher")
    for what in ("wants to buy a house", "lost the keys", "reads a book", "is tired", "sings")
    for when in ("today", "in the evening")
]


def test_an_english_question_becomes_a_german_one(service: RunningService) -> None:
    body = {"text": "Where is the train station?", "target_lang": "de"}
    response = httpx.post(f"{service.url}/v1/translate", json=body, timeout=60)
    assert response.status_code == 200
    answer = response.json()
    (translation,) = answer["translations"]
    assert answer["model"] == "bundled/translate"
    assert translation["text"].startswith("Wo ")
    assert translation["text"].endswith("?")
    assert (translation["source_lang"], translation["detected"]) == ("en", True)


def test_a_stream_says_word_by_word_what_the_whole_answer_says(service: RunningService) -> None:
    body = {
        "text": "Good morning. How are you?",
        "target_lang": "de",
        "num_beams": 1,
        "stream": True,
    }
    response = httpx.post(f"{service.url}/v1/translate", json=body, timeout=60)
    assert response.headers["content-type"].startswith("text/event-stream")
    events = sse_events(response.text)
    pieces = [data["text"] for name, data in events if name == "token"]
    name, done = events[-1]
    assert name == "done"
    assert len(pieces) > 2
    assert "".join(pieces) == done["translations"][0]["text"]


@pytest.mark.parametrize(
    ("text", "source", "target", "word"),
    [
        pytest.param("Où est la gare ?", "fr", "en", "station", id="fr-en"),
        pytest.param("¿Dónde está la estación?", "es", "en", "station", id="es-en"),
        pytest.param("Where is the train station?", "en", "fr", "Où", id="en-fr"),
        pytest.param("Where is the train station?", "en", "es", "estación", id="en-es"),
    ],
)
def test_french_and_spanish_are_understood_and_written(
    service: RunningService, text: str, source: str, target: str, word: str
) -> None:
    body = {"text": text, "target_lang": target}
    response = httpx.post(f"{service.url}/v1/translate", json=body, timeout=60)
    (translation,) = response.raise_for_status().json()["translations"]
    assert word in translation["text"]
    assert (translation["source_lang"], translation["detected"]) == (source, True)


def summaries(service: RunningService, text: str | list[str], **fields: Any) -> list[str]:
    body = {"text": text, **fields}
    response = httpx.post(f"{service.url}/v1/summarize", json=body, timeout=60)
    answer = response.raise_for_status().json()
    assert answer["model"] == "bundled/summarize"
    return [summary["text"] for summary in answer["summaries"]]


def test_an_abstract_has_a_shorter_summary_in_each_style(service: RunningService) -> None:
    abstract = ". ".join(ABSTRACTS[0].split(". ")[:3]) + "."
    (tldr,) = summaries(service, abstract, style="tldr")
    (headline,) = summaries(service, abstract, style="headline")
    assert tldr != headline
    assert 0 < len(tldr) < len(abstract)
    assert 0 < len(headline) < len(abstract)
    assert summaries(service, abstract) == [tldr]


def test_a_streamed_summary_is_the_whole_one(service: RunningService) -> None:
    (whole,) = summaries(service, ABSTRACTS[1], num_beams=1)
    body = {"text": ABSTRACTS[1], "num_beams": 1, "stream": True}
    response = httpx.post(f"{service.url}/v1/summarize", json=body, timeout=60)
    events = sse_events(response.text)
    pieces = [data["text"] for name, data in events if name == "token"]
    assert len(pieces) > 2
    assert "".join(pieces) == whole
    assert events[-1][1]["summaries"][0]["text"] == whole


def test_a_text_that_says_nothing_is_its_own_summary(service: RunningService) -> None:
    assert summaries(service, ["", " \n", "12:30"]) == ["", " \n", "12:30"]


def test_a_text_longer_than_the_summarizer_reads_has_one_summary(service: RunningService) -> None:
    text = "\n\n".join(ABSTRACTS * 4)
    (summary,) = summaries(service, text, style="headline")
    assert 0 < len(summary) < len(ABSTRACTS[0])


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        pytest.param("/v1/translate", {"target_lang": "de"}, 422, "invalid_field", id="field"),
        pytest.param(
            "/v1/summarize", {"text": "x", "style": "haiku"}, 422, "invalid_field", id="style"
        ),
        pytest.param("/nowhere", {}, 404, None, id="route"),
    ],
)
def test_an_error_is_the_one_object_and_has_one_request_id(
    service: RunningService, path: str, body: dict[str, Any], status: int, code: str | None
) -> None:
    sent = {"X-Request-Id": "of-the-client"}
    response = httpx.post(f"{service.url}{path}", json=body, headers=sent, timeout=60)
    problem = response.json()
    assert response.status_code == status
    assert set(problem) == {"error", "message", "error_type", "code", "request_id"}
    assert code in {None, problem["code"]}
    assert problem["request_id"] == "of-the-client"
    assert response.headers.get_list("x-request-id") == ["of-the-client"]


async def test_fifty_clients_at_once_get_the_answers_of_one_after_another(
    service: RunningService,
) -> None:
    assert len(SENTENCES) == 50

    async def ask(client: httpx.AsyncClient, text: str) -> str:
        body = {"text": text, "target_lang": "de", "source_lang": "en"}
        response = await client.post("/v1/translate", json=body)
        return str(response.raise_for_status().json()["translations"][0]["text"])

    limits = httpx.Limits(max_connections=50)
    async with httpx.AsyncClient(base_url=service.url, timeout=60, limits=limits) as client:
        alone = [await ask(client, text) for text in SENTENCES]
        together = await asyncio.gather(*(ask(client, text) for text in SENTENCES))
    assert list(together) == alone


async def test_every_request_is_counted_once_whichever_replica_answers(
    service: RunningService,
) -> None:
    series = 'dragoman_requests_total{route="/v1/detect",status="200"}'  # of this test alone
    async with httpx.AsyncClient(base_url=service.url, timeout=60) as client:
        answers = await asyncio.gather(
            *(client.post("/v1/detect", json={"text": "Thank you."}) for _ in range(24))
        )
    assert all(answer.status_code == 200 for answer in answers)
    wait_for_metric(service, series, 24)
    # Each fetch is a new connection, so both replicas are asked, on both ports.
    urls = [f"{service.url}/metrics", f"http://127.0.0.1:{service.metrics_port}/metrics"] * 12
    async with httpx.AsyncClient(timeout=60, headers={"Connection": "close"}) as client:
        texts = [(await client.get(url)).text for url in urls]
    assert {value_of(text, series) for text in texts} == {24}


def test_the_metrics_are_the_service_s_own(service: RunningService) -> None:
    names = {line.split("{")[0].split(" ")[0] for line in service.metrics().splitlines()}
    assert {name for name in names if not name.startswith(("dragoman_", "#"))} == set()


def test_both_replicas_answer(service: RunningService) -> None:
    replicas = [p for p in service.processes() if "ServeReplica" in " ".join(p.cmdline())]
    assert len(replicas) == 2
    connections = {
        c.laddr.port for p in replicas for c in p.net_connections("tcp") if c.status == "LISTEN"
    }
    ports = [port for port in connections if 30_000 <= port < 31_000]
    assert len(ports) == 2
    for port in ports:
        assert httpx.get(f"http://127.0.0.1:{port}/ready", timeout=60).status_code == 200


def test_health_readiness_and_models_are_told(service: RunningService) -> None:
    with httpx.Client(base_url=service.url, timeout=60) as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get("/ready").json() == {"status": "ready"}
        translator, summarizer = client.get("/v1/models").json()["models"]
        languages = client.get("/v1/languages").json()["languages"]
    assert (translator["name"], translator["styles"]) == ("bundled/translate", [])
    assert (summarizer["name"], summarizer["styles"]) == ("bundled/summarize", ["tldr", "headline"])
    assert {language["code"]: language["targets"] for language in languages} == {
        "en": ["de", "fr", "es"],
        "de": ["en"],
        "fr": ["en"],
        "es": ["en"],
    }


def test_what_a_replica_logs_reaches_standard_error_with_the_request_s_id(
    service: RunningService,
) -> None:
    httpx.get(f"{service.url}/v1/models", headers={"X-Request-Id": "find-me"}, timeout=60)
    wait_until(lambda: "find-me" in service.log, timeout_s=60)
