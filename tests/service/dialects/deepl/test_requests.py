"""Bodies of `/v2/translate`: JSON and forms alike, and everything that is refused."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.dialects.deepl.schemas import TranslateRequest
from tests.support.service.clients import Json, client_of
from tests.support.service.fakes import FakeBackend

PRIVATE = "a very private sentence"
PAIR: Json = {"target_lang": "DE", "source_lang": "EN"}
MARKUP: Json = {"text": ["<p>A <b>b</b></p><q>C <i>d</i> e</q>"], "tag_handling": "xml", **PAIR}


Ask = Callable[..., tuple[list[str], Json]]


@pytest.fixture(scope="module")
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture(scope="module")
def client(backend: FakeBackend) -> TestClient:
    return client_of(backend)


@pytest.fixture
def ask(backend: FakeBackend, client: TestClient) -> Ask:
    """Return a function from a body to what the model is asked, and the answer."""

    def post(**body: Any) -> tuple[list[str], Json]:
        backend.requests.clear()
        response = client.post("/v2/translate", **body)
        assert response.status_code == 200, response.text
        return [request.text for request in backend.requests], response.json()

    return post


def refusal(client: TestClient, **body: Any) -> str:
    """Return the one sentence of a body that must be refused."""
    response = client.post("/v2/translate", **body)
    assert response.status_code == 400, response.text
    problem = response.json()
    assert all(isinstance(value, str) for value in problem.values())
    sentence: str = problem["message"]
    assert 0 < len(sentence) < 300
    assert PRIVATE not in response.text
    return sentence


@pytest.mark.parametrize(
    "fields",
    [
        {"text": ["One. Two.", "Three & four = 5 + 6; ü"], **PAIR},
        {"text": ["One\ntwo. Three."], "split_sentences": "0", **PAIR},
        {"text": ["One\ntwo. Three."], "split_sentences": "nonewlines", **PAIR},
        {"text": ["One"], "show_billed_characters": "1", "model_type": "latency_optimized", **PAIR},
        {"text": ["Guten Tag, wie geht es dir?"], "target_lang": "EN-US"},
        {**MARKUP, "outline_detection": "0"},
        {**MARKUP, "ignore_tags": ["b", "i"]},
        {**MARKUP, "splitting_tags": ["b"], "non_splitting_tags": ["p", "q"]},
    ],
)
def test_a_form_is_answered_as_json_is(ask: Ask, fields: Json) -> None:
    found = ask(json=fields)
    assert ask(data=fields) == found
    assert ask(params={"text": "x"}, json=fields) == found  # the body's text counts


@pytest.mark.parametrize(
    ("field", "spellings"),
    [
        ("split_sentences", [False, 0, "0"]),
        ("split_sentences", [None, True, 1, "1"]),
        ("outline_detection", [False, 0, "0", "false"]),
        ("outline_detection", [None, True, 1, "1", "true"]),
        ("show_billed_characters", [None, False, 0, "0", "false"]),
        ("show_billed_characters", [True, 1, "1", "true"]),
        ("ignore_tags", [None, [], "", ","]),
        ("ignore_tags", [["b", "i"], "b,i", "i, b", ["b,i"], ["", "b", "i", "b"]]),
        ("text", ["One. Two.", ["One. Two."]]),
    ],
)
def test_a_value_may_be_spelled_in_several_ways(
    ask: Ask, field: str, spellings: list[object]
) -> None:
    first, *others = [ask(json={**MARKUP, field: value}) for value in spellings]
    assert all(other == first for other in others)


@pytest.mark.parametrize(
    "field", [name for name in TranslateRequest.model_fields if name not in PAIR and name != "text"]
)
def test_null_is_a_field_s_absence(ask: Ask, field: str) -> None:
    without = {name: value for name, value in MARKUP.items() if name != field}
    assert ask(json={**without, field: None}) == ask(json=without)


def test_a_field_of_a_wrong_kind_is_named_in_one_sentence(client: TestClient) -> None:
    for name in TranslateRequest.model_fields:
        for value in ({}, {"a": [1]}, [[1]], 12.5, -1, 10**30):
            fields = {"text": [PRIVATE], "context": PRIVATE, **PAIR, name: value}
            assert refusal(client, json=fields).startswith(f"`{name}")


def test_a_list_names_its_wrong_entry(client: TestClient) -> None:
    found = refusal(client, json={"text": ["a", PRIVATE, 3, None], **PAIR})
    assert found == "`text[2]` must be a string"
    found = refusal(client, json={"text": PRIVATE, "ignore_tags": ["b", 3], **PAIR})
    assert found == "`ignore_tags[1]` is 3; it must be a string"


@pytest.mark.parametrize("missing", ["text", "target_lang"])
def test_a_required_field_is_required(client: TestClient, missing: str) -> None:
    fields = {"text": PRIVATE, **PAIR}
    del fields[missing]
    assert refusal(client, json=fields) == f"`{missing}` is required"
    assert refusal(client, data=fields) == f"`{missing}` is required"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"glossary_id": "a"}, "`source_lang` is required, as a glossary is named"),
        ({"glossary_ids": ["a", "b"]}, "`source_lang` is required, as a glossary is named"),
        (
            {"glossary_id": "a", "glossary_ids": ["b"], "source_lang": "EN"},
            "`glossary_ids` excludes `glossary_id`; give one of the two",
        ),
        (
            {"glossary_ids": "a,b,c,d,e,f", "source_lang": "EN"},
            "`glossary_ids` has 6 entries; it must have at most 5",
        ),
    ],
)
def test_glossaries_that_contradict_a_request_are_refused(
    client: TestClient, fields: Json, sentence: str
) -> None:
    body = {"text": PRIVATE, "target_lang": "DE", **fields}
    assert refusal(client, json=body) == sentence
    assert refusal(client, data=body) == sentence


@pytest.mark.parametrize(
    "body",
    [
        {"json": {"text": [1] * 500_000, **PAIR}},
        {"json": {"text": [PRIVATE], "splitting_tags": [1] * 500_000, **PAIR}},
        {"json": {"text": ["a"] * 200_000, **PAIR}},
        {"json": {"text": [[]] * 300_000, **PAIR}},
        {"json": {"text": PRIVATE, "target_lang": "E" * 900_000}},
        {"json": {"text": PRIVATE, "target_lang": "\0"}},
        {"data": {"text": ["a"] * 1_000, **PAIR}},
        {"data": {f"field{i}": "a" for i in range(1_000)}},
        {"data": {"text": PRIVATE, "target_lang": ["DE", "FR"]}},
        {"content": b'{"text":["a"],"target_lang":NaN}'},
        {"content": b'{"text":["a"],"target_lang":"DE","split_sentences":Infinity}'},
        {"content": b'{"text":["\\ud800 alone"],"target_lang":"DE"}'},
        {"content": b'{"text":["\xff"],"target_lang":"DE"}'},
        {"content": b"[" * 900_000},
        {"content": b'{"text":' * 100_000},
        {"content": b'["text"]'},
        {"content": b'"text"'},
        {"content": b"null"},
        {"content": b""},
    ],
)
def test_a_hostile_body_gets_one_sentence(client: TestClient, body: Json) -> None:
    assert "\0" not in refusal(client, **body)


@pytest.mark.parametrize("text", ["a\0b", "\ufeffa", "\U0001f600 a", "\u202ea", "a" * 3_000])
def test_odd_characters_come_back(ask: Ask, text: str) -> None:
    fields = {"text": [text], "split_sentences": "0", **PAIR}
    content = json.dumps(fields)
    assert ask(content=content) == ask(json=fields)
    ((found,),) = [answer["translations"] for _, answer in [ask(data=fields)]]
    assert found["text"] == text.upper()


def test_fields_that_do_not_exist_are_ignored(ask: Ask) -> None:
    unknown = {"auth_key": "x", "enable_beta_languages": "1", "of the future": {"a": [1]}}
    fields = {"text": ["One"], **PAIR}
    assert ask(json={**fields, **unknown}) == ask(json=fields)
