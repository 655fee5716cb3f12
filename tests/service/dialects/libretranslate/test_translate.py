"""`POST /translate`: what must not matter, and what is answered only if it was asked for."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from model.tokenizer.prompt import Translation
from service.api.create import create_api
from service.settings import Settings
from tests.support.service.clients import Json, client_of
from tests.support.service.fakes import TRANSLATOR, FakeBackend
from tests.support.service.libretranslate import KEY, TEXT, access_by, one_key

FIELDS = {"q": TEXT, "source": "auto", "target": "de", "format": "text", "alternatives": "2"}
GERMAN = "Wo ist der Bahnhof?"


def translated(client: TestClient, **fields: Any) -> Json:
    response = client.post("/translate", json={"source": "en", "target": "de", **fields})
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param({"data": FIELDS}, id="form"),
        pytest.param({"params": FIELDS}, id="query"),
        pytest.param({"files": {k: (None, v) for k, v in FIELDS.items()}}, id="multipart"),
        pytest.param({"content": json.dumps(FIELDS)}, id="JSON without its type"),
        pytest.param(
            {
                "content": urlencode({"q": TEXT, "source": "auto"}),
                "params": {"target": "de", "alternatives": 2},
                "headers": {"content-type": "application/x-www-form-urlencoded; charset=utf-8"},
            },
            id="half in the query",
        ),
        pytest.param({"json": {**FIELDS, "source": "AUTO", "target": "DE"}}, id="capitals"),
        pytest.param({"json": {**FIELDS, "alternatives": 2, "format": None}}, id="null"),
        pytest.param({"json": {**FIELDS, "format": "", "api_key": ""}}, id="empty strings"),
        pytest.param({"json": {**FIELDS, "secret": "x", "unknown": [1]}}, id="unknown fields"),
    ],
)
def test_the_encoding_does_not_matter(request_: dict[str, Any]) -> None:
    client = client_of()
    assert client.post("/translate", **request_).json() == translated(client, **FIELDS)


def test_a_list_is_answered_like_its_texts_one_by_one() -> None:
    client = client_of()
    texts = [TEXT, "The harbour is closed in winter.", "", "\n", "<p>Only letters</p>"]
    many = translated(client, **{**FIELDS, "q": texts})
    alone = [translated(client, **{**FIELDS, "q": text}) for text in texts]
    assert many == {name: [answer[name] for answer in alone] for name in alone[0]}


def test_a_list_is_one_request_of_which_all_texts_run_at_once() -> None:
    backend = FakeBackend()
    translated(client_of(backend), q=["one", "two", "three"])
    assert len({request.request_id for request in backend.requests}) == 1
    assert backend.most_running == 3


def test_nothing_is_answered_that_was_not_asked_for() -> None:
    assert translated(client_of(), q=TEXT) == {"translatedText": TEXT.upper()}


@pytest.mark.parametrize("fields", [{}, {"source": "auto"}, {"alternatives": 3}])
def test_a_list_without_texts_is_answered_by_lists_without_texts(fields: Json) -> None:
    answer = translated(client_of(), q=[], **fields)
    assert answer == {name: [] for name in translated(client_of(), q=[TEXT], **fields)}


@pytest.mark.parametrize("text", ["", " ", "\n\n", "123", "…", "\u200b"])
def test_a_text_without_words_is_its_own_translation(text: str) -> None:
    answer = translated(client_of(), q=text, source="auto")
    assert answer["translatedText"] == text
    assert answer["detectedLanguage"]["confidence"] == 0


def test_a_text_in_the_target_language_is_its_own_translation() -> None:
    answer = translated(client_of(), q=GERMAN, source="auto")
    assert answer["translatedText"] == GERMAN
    assert answer["detectedLanguage"]["language"] == "de"


@pytest.mark.parametrize("text", [TEXT, GERMAN, "Bonjour", "ok", "?", "Data"])
def test_confidence_is_a_whole_number_of_percent(text: str) -> None:
    response = client_of().post("/translate", data={"q": text, "source": "auto", "target": "en"})
    confidence = response.json()["detectedLanguage"]["confidence"]
    assert isinstance(confidence, int)
    assert 0 <= confidence <= 100


def test_tags_do_not_count_for_the_language_of_a_page() -> None:
    client = client_of()
    bare = translated(client, q=TEXT, source="auto")
    page = f'<div class="où êtes vous maintenant">{TEXT}</div>'
    marked = translated(client, q=page, source="auto", format="html")
    assert marked["detectedLanguage"] == bare["detectedLanguage"]


def test_html_comes_back_with_its_tags() -> None:
    answer = translated(client_of(), q="<p>Hello <b>big</b> world</p>", format="html")
    assert answer["translatedText"] == "<p>HELLO <b>BIG</b> WORLD</p>"


@pytest.mark.parametrize(
    ("text", "format_"), [("Good morning", "text"), ("<p>Good morning</p>", "html")]
)
@pytest.mark.parametrize("num", [1, 3, 7])
def test_alternatives_are_as_many_as_asked_for_and_other_than_the_best(
    num: int, text: str, format_: str
) -> None:
    client = client_of()
    answer = translated(client, q=text, format=format_, alternatives=num)
    best = translated(client, q=text, format=format_)["translatedText"]
    assert answer["translatedText"] == best
    assert len(answer["alternatives"]) == num
    assert len({best, *answer["alternatives"]}) == num + 1


def test_an_alternative_that_comes_out_like_the_best_is_left_out() -> None:
    # The mark by which the fake's outputs differ stands after the tag, which is put back.
    answer = translated(client_of(), q=["<p>Good morning</p>"], alternatives=3)
    assert answer["alternatives"] == [[]]


@pytest.mark.parametrize(("own", "expected"), [(1, 4), (6, 6)])
def test_a_request_for_alternatives_searches_no_less_than_others(own: int, expected: int) -> None:
    backend = FakeBackend(served=(replace(TRANSLATOR, default_num_beams=own),))
    translated(client_of(backend), q=TEXT, alternatives=3)
    assert backend.requests[0].overrides.num_beams == expected


@pytest.mark.parametrize("num", [-5, "-5", 0, "0", "", None])
def test_no_alternatives_may_be_asked_for_in_many_ways(num: object) -> None:
    assert translated(client_of(), q=TEXT, alternatives=num) == {"translatedText": TEXT.upper()}


def test_the_line_ends_of_a_form_become_those_of_texts() -> None:
    client = client_of()
    form = {"q": "one\r\ntwo\rthree\n", "source": "en", "target": "de"}
    assert client.post("/translate", data=form).json()["translatedText"] == "ONE\nTWO\nTHREE\n"
    assert translated(client, q="one\r\ntwo")["translatedText"] == "ONE\r\nTWO"


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param({"json": {**FIELDS, "api_key": KEY}}, id="body"),
        pytest.param({"data": {**FIELDS, "api_key": KEY}}, id="form"),
        pytest.param({"json": FIELDS, "params": {"api_key": KEY}}, id="query"),
        pytest.param({"json": FIELDS, "headers": {"authorization": f"Bearer {KEY}"}}, id="header"),
        pytest.param(
            {
                "json": {**FIELDS, "api_key": ""},
                "headers": {"authorization": f"bearer {KEY}"},
            },
            id="header beside an empty field",
        ),
    ],
)
def test_a_key_may_be_anywhere(request_: dict[str, Any]) -> None:
    access = access_by(one_key("translate"))
    client = TestClient(create_api(FakeBackend(), Settings(), access=access))
    assert client.post("/translate", **request_).status_code == 200
    assert client.post("/translate", json=FIELDS).status_code == 403


def test_a_client_is_charged_for_the_characters_of_its_texts() -> None:
    access = access_by(one_key("translate", characters_per_month=10))
    client = TestClient(create_api(FakeBackend(), Settings(), access=access))
    headers = {"authorization": f"Bearer {KEY}"}
    body = {"q": ["abc", "abc"], "source": "en", "target": "de"}
    assert client.post("/translate", json=body, headers=headers).status_code == 200
    assert client.post("/translate", json=body, headers=headers).status_code == 429


def test_the_model_is_told_its_own_codes() -> None:
    backend = FakeBackend()
    translated(client_of(backend), q=TEXT, source="en-GB", target="deu_Latn")
    assert backend.requests[0].task == Translation("de", "en")
