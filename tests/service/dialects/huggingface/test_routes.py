"""Hugging Face inference without its package: shapes, wrong bodies, and the native answers."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.service.clients import client_of, refusal, translate
from tests.support.service.fakes import SUMMARIZER, TRANSLATOR, FakeBackend

TRANSLATE, SUMMARIZE = "/models/fake/translate", "/models/fake/summarize"
TO_GERMAN = {"src_lang": "en", "tgt_lang": "de"}
TWO = {"num_beams": 2, "num_return_sequences": 2}
TEXTS = ["Good morning. How are you?", "", "A\nB", " \u00e9\u4f60\U0001f600\x00 "]


@pytest.fixture
def client() -> TestClient:
    return client_of(FakeBackend(served=(TRANSLATOR, SUMMARIZER)))


def answer(client: TestClient, inputs: str | list[str], **parameters: Any) -> Any:
    body = {"inputs": inputs, "parameters": {**TO_GERMAN, **parameters}}
    response = client.post(TRANSLATE, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def test_the_texts_are_those_of_the_native_api(client: TestClient) -> None:
    native = translate(client, TEXTS)["translations"]
    found = answer(client, TEXTS, output_scores=True)
    assert [each["translation_text"] for each in found] == [each["text"] for each in native]
    scored = translate(client, TEXTS, **{"return": ["scores"]})["translations"]
    assert [each["score"] for each in found] == [each["score"] for each in scored]
    summary = client.post(SUMMARIZE, json={"inputs": TEXTS[0]}).json()
    (same,) = client.post("/v1/summarize", json={"text": TEXTS[0]}).json()["summaries"]
    assert summary == [{"summary_text": same["text"]}]


def test_a_list_is_answered_as_its_texts_are_alone(client: TestClient) -> None:
    assert answer(client, TEXTS) == [each for text in TEXTS for each in answer(client, text)]


def test_several_outputs_have_the_shapes_of_pipelines(client: TestClient) -> None:
    one, other = {"translation_text": "A"}, {"translation_text": "A'"}
    assert answer(client, "a", **TWO) == [one, other]
    assert answer(client, ["a", "a"], **TWO) == [[one, other], [one, other]]
    assert answer(client, ["a"], num_return_sequences=1) == [one]


def test_parameters_of_generation_may_stand_in_two_places_of_which_the_inner_goes_first() -> None:
    backend = FakeBackend()
    answer(
        client_of(backend),
        "a",
        num_beams=2,
        max_new_tokens=7,
        generate_parameters={"num_beams": 3, "max_length": 30},
    )
    assert backend.requests[0].overrides.given() == {"num_beams": 3, "max_new_tokens": 7}


@pytest.mark.parametrize(
    ("parameters", "temperature"),
    [({"do_sample": True}, 1.0), ({"do_sample": True, "temperature": 0.5}, 0.5), ({}, None)],
)
def test_sampling_without_more_has_the_temperature_1(
    parameters: dict[str, Any], temperature: float | None
) -> None:
    backend = FakeBackend()
    answer(client_of(backend), "a", **parameters)
    assert backend.requests[0].overrides.temperature == temperature


def test_no_content_type_is_needed_and_options_are_ignored(client: TestClient) -> None:
    body = {"inputs": "a", "parameters": TO_GERMAN, "options": {"wait_for_model": True}}
    response = client.post(
        "/hf/translation",
        content=json.dumps(body),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert response.json() == [{"translation_text": "A"}]


def test_times_are_in_the_headers(client: TestClient) -> None:
    headers = client.post(SUMMARIZE, json={"inputs": "a"}).headers
    assert (headers["x-queue-time"], headers["x-inference-time"]) == ("1.0", "2.0")


WRONG: list[tuple[Any, str]] = [
    ({}, "`inputs` is required"),
    ({"inputs": None}, "`inputs` must be a string or a list of strings"),
    ({"inputs": {"a": 1}}, "`inputs` must be a string or a list of strings"),
    ({"inputs": ["a", None]}, "`inputs[1]` must be a string"),
    ({"inputs": [], "parameters": TO_GERMAN}, "`inputs` has 0 entries; it must have 1 to 128"),
    (
        {"inputs": ["a"] * 129, "parameters": TO_GERMAN},
        "`inputs` has 129 entries; it must have 1 to 128",
    ),
    ({"inputs": "a", "parameters": []}, "`parameters` is of type list; it must be an object"),
    ({"inputs": "a", "options": 5}, "`options` is 5; it must be an object"),
    ({"inputs": "a", "input": "b"}, "`input` is not a field of this request; did you mean"),
    ({"inputs": "a", "text": "b"}, "`text` is not a field of this request"),
    ({"inputs": "a", "parameters": {"tgt_lang": ["de"]}}, "`parameters.tgt_lang` is of type list"),
    ({"inputs": "a", "parameters": {"tgt_lang": ""}}, "`parameters.tgt_lang` is ''"),
    ({"inputs": "a", "parameters": {"truncation": "x"}}, "`parameters.truncation` is 'x'"),
    ({"inputs": "a", "parameters": {"num_beams": True}}, "`parameters.num_beams` is True"),
    ({"inputs": "a", "parameters": {"num_beams": "4"}}, "`parameters.num_beams` is '4'"),
    ({"inputs": "a", "parameters": {"max_length": 1}}, "`parameters.max_length` is 1"),
    ({"inputs": "a", "parameters": {"do_sample": "yes"}}, "`parameters.do_sample` is 'yes'"),
]


@pytest.mark.parametrize(("body", "told"), WRONG)
def test_a_wrong_field_is_named(client: TestClient, body: dict[str, Any], told: str) -> None:
    status, code, sentence = refusal(client, TRANSLATE, body)
    assert (status, code) == (422, "invalid_field")
    assert sentence.startswith(told)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param(b'{"inputs": "\\ud800"}', id="half of a surrogate pair"),
        pytest.param(b'{"inputs": "a", "parameters": {"top_p": NaN}}', id="NaN"),
        pytest.param(b'{"inputs": "a", "parameters": {"temperature": 1e999}}', id="infinity"),
        pytest.param(b'{"inputs": ' + b"[" * 100_000, id="brackets"),
        pytest.param(b'{"inputs": [' + b"1," * 500_000 + b"1]}", id="a million bytes of integers"),
        pytest.param(
            b'{"inputs": "a", "parameters": {' + b'"a":1,' * 9_000 + b'"b":1}}', id="names"
        ),
    ],
)
@pytest.mark.parametrize("path", [TRANSLATE, SUMMARIZE, "/hf/translation", "/hf/summarization"])
def test_a_hostile_body_is_told_in_one_sentence(client: TestClient, path: str, body: bytes) -> None:
    response = client.post(path, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 422
    assert len(response.json()["error"]) < 200


def test_a_summary_has_no_languages(client: TestClient) -> None:
    body = {"inputs": "a", "parameters": TO_GERMAN}
    assert refusal(client, SUMMARIZE, body)[2].startswith("`src_lang` is not a field")


def test_a_task_that_no_model_offers_is_not_found() -> None:
    client = client_of(FakeBackend(served=(TRANSLATOR,)))
    assert refusal(client, "/hf/summarization", {"inputs": "a"})[:2] == (404, "task_not_served")
    assert client.get("/hf/summarization/health").status_code == 404


def test_a_body_that_is_too_large_is_told_in_the_same_shape() -> None:
    client = client_of(max_body_bytes=1_024)
    body = {"inputs": "a" * 2_000}
    assert refusal(client, TRANSLATE, body)[:2] == (413, "body_too_large")


def test_the_schema_describes_what_each_route_takes(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    routes = {path: sorted(methods) for path, methods in paths.items() if "/hf/" in path}
    assert routes["/hf/translation"] == routes["/hf/summarization"] == ["post"]
    assert routes["/hf/translation/info"] == routes["/hf/summarization/health"] == ["get"]
    body = paths["/models/{model_id}"]["post"]["requestBody"]["content"]["application/json"]
    assert [each["title"] for each in body["schema"]["anyOf"]] == [
        "TranslationBody",
        "SummarizationBody",
    ]


@pytest.mark.parametrize("path", [TRANSLATE, "/hf/summarization"])
@pytest.mark.parametrize("end", ["info", "health"])
def test_what_is_told_of_a_model_is_only_got(client: TestClient, path: str, end: str) -> None:
    response = client.post(f"{path}/{end}", json={"inputs": "a"})
    assert (response.status_code, response.headers["allow"]) == (405, "GET")
