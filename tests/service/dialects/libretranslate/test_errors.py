"""Requests that cannot be answered: each gets one status and one sentence, whatever it holds."""

from typing import Any

import pytest

from service.settings import MIB
from tests.support.service.clients import client_of
from tests.support.service.fakes import SUMMARIZER, FakeBackend
from tests.support.service.libretranslate import TEXT

BODY = {"q": TEXT, "source": "en", "target": "de"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


def sentence_of(response: Any, *, status: int = 400) -> str:
    """Return the sentence of an error, which has the shape of all errors."""
    assert response.status_code == status, response.text
    problem = response.json()
    assert set(problem) == {"error", "message", "error_type", "code", "request_id"}
    assert all(isinstance(value, str) for value in problem.values())
    assert problem["request_id"] == response.headers["x-request-id"]
    assert TEXT not in response.text
    sentence: str = problem["error"]
    return sentence


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"q": None}, "Invalid request: missing q parameter"),
        ({"source": None}, "Invalid request: missing source parameter"),
        ({"source": ""}, "Invalid request: missing source parameter"),
        ({"target": None}, "Invalid request: missing target parameter"),
        ({"q": 5}, "`q[0]` must be a string"),
        ({"q": True}, "`q[0]` must be a string"),
        ({"q": {"text": TEXT}}, "`q[0]` must be a string"),
        ({"q": [TEXT, [TEXT]]}, "`q[1]` must be a string"),
        ({"q": [TEXT, None]}, "`q[1]` must be a string"),
        ({"source": 5}, "`source` is 5; it must be a string"),
        ({"target": ["de"]}, "`target` is of type list; it must be a string"),
        ({"format": "xml"}, "`format` is 'xml'; it must be 'text' or 'html'"),
        ({"format": {}}, "`format` is of type dict; it must be 'text' or 'html'"),
        ({"alternatives": "many"}, "`alternatives` is 'many'; it must be a whole number"),
        ({"alternatives": "\u0661"}, "`alternatives` is '\u0661'; it must be a whole number"),
        ({"alternatives": 2.5}, "`alternatives` is 2.5; it must be a whole number"),
        ({"alternatives": True}, "`alternatives` is True; it must be a whole number"),
        ({"alternatives": [1]}, "`alternatives` is of type list; it must be a whole number"),
        ({"alternatives": 8}, "`alternatives` is 8; it must be at most 7"),
        ({"alternatives": "1000000"}, "`alternatives` is '1000000'; it must be at most 7"),
        ({"alternatives": 10**300}, "`alternatives` is a number of many digits; it must be at"),
        ({"alternatives": "9" * 9_999}, "`alternatives` is a text of 9999 characters; it must"),
        ({"api_key": 5}, "`api_key` must be a string"),
        ({"api_key": ["my-secret"]}, "`api_key` must be a string"),
        ({"source": "zz"}, "zz is not supported"),
        ({"target": "auto"}, "auto is not supported"),
        ({"target": "de\0"}, "a text of 3 characters is not supported"),
        ({"target": TEXT}, f"a text of {len(TEXT)} characters is not supported"),
        ({"target": "d" * 9_999}, "a text of 9999 characters is not supported"),
        ({"target": "en"}, "no model translates en-en"),
        ({"q": [TEXT] * 129}, "Invalid request: request (129) exceeds text limit (128)"),
        ({"q": "x" * 50_001}, "Invalid request: request (50001) exceeds text limit (50000)"),
        ({"q": ["x" * 30_000] * 2}, "Invalid request: request (60000) exceeds text limit (50000)"),
    ],
)
def test_a_field_that_does_not_fit_is_named_with_its_limit(
    fields: dict[str, Any], sentence: str
) -> None:
    response = client_of().post("/translate", json={**BODY, **fields})
    found = sentence_of(response)
    assert found.startswith(sentence)
    assert len(found) < 200
    assert "my-secret" not in response.text


@pytest.mark.parametrize("path", ["/translate", "/detect"])
@pytest.mark.parametrize(
    ("content", "headers"),
    [
        pytest.param(b"", {}, id="empty"),
        pytest.param(b"[]", {}, id="list"),
        pytest.param(b'"text"', {}, id="string"),
        pytest.param(b'{"q": "a", "source": "en"', {}, id="broken"),
        pytest.param(b'{"q": NaN, "source": "en", "target": "de"}', {}, id="NaN"),
        pytest.param(b'{"q": "\\ud800", "source": "en", "target": "de"}', {}, id="surrogate"),
        pytest.param(b'{"q": "\xff", "source": "en", "target": "de"}', {}, id="no UTF-8"),
        pytest.param(b"[" * 100_000, {}, id="deep"),
        pytest.param(b'{"q":' + b"[" * 100_000, {}, id="deep text"),
        pytest.param(
            b'{"q":[' + b"1," * 500_000 + b'1],"source":"en","target":"de"}', {}, id="integers"
        ),
        pytest.param(
            b'{"q":[' + b'"",' * 300_000 + b'""],"source":"en","target":"de"}', {}, id="empties"
        ),
        pytest.param(b"q=" + b"x" * MIB, FORM, id="large"),
        pytest.param(b"&" * 100_000 + b"x=1", FORM, id="no fields"),
        pytest.param(b"q=a&" * 100_000, FORM, id="many fields"),
    ],
)
def test_a_body_that_is_none_is_a_400(path: str, content: bytes, headers: dict[str, str]) -> None:
    sentence_of(client_of().post(path, content=content, headers=headers))


def test_a_file_is_no_text() -> None:
    files = {"q": ("text.txt", TEXT), "source": (None, "en"), "target": (None, "de")}
    sentence_of(client_of().post("/translate", files=files))


@pytest.mark.parametrize("field", ["source", "target", "format", "alternatives", "api_key"])
def test_a_field_that_is_there_twice_is_refused(field: str) -> None:
    form = {**BODY, "alternatives": "1", "format": "text", "api_key": "a"}
    twice = {**form, field: [form[field]] * 2}
    assert f"`{field}`" in sentence_of(client_of().post("/translate", data=twice))


def test_a_nul_is_a_character_like_others() -> None:
    response = client_of().post("/translate", json={**BODY, "q": "a\0b"})
    assert response.json() == {"translatedText": "A\0B"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/translate", 405),
        ("PUT", "/translate", 405),
        ("GET", "/detect", 405),
        ("PUT", "/languages", 405),
        ("POST", "/translate/", 404),
        ("GET", "/frontend", 404),
        ("GET", "/download_file/", 404),
    ],
)
def test_an_unknown_route_or_method_has_the_same_object(
    method: str, path: str, status: int
) -> None:
    sentence_of(client_of().request(method, path), status=status)


@pytest.mark.parametrize(
    ("method", "path", "sentence"),
    [
        ("POST", "/suggest", "Suggestions are disabled on this server."),
        ("POST", "/translate_file", "Files translation are disabled on this server."),
        ("GET", "/download_file/x.txt", "Files translation are disabled on this server."),
    ],
)
def test_what_is_switched_off_says_so(method: str, path: str, sentence: str) -> None:
    assert sentence_of(client_of().request(method, path), status=403) == sentence


def test_an_error_about_a_detected_language_names_the_fields_of_this_api() -> None:
    texts = [TEXT, "Où est la gare de cette ville, s'il vous plaît ?"]
    body = {"q": texts, "source": "auto", "target": "de"}
    sentence = sentence_of(client_of().post("/translate", json=body))
    assert sentence.startswith("`q[1]` is detected to be in French")
    assert sentence.endswith("`source` overrides the detection")


def test_a_service_that_does_not_translate_answers_400() -> None:
    client = client_of(FakeBackend(served=(SUMMARIZER,)))
    body = {**BODY, "source": "auto"}
    sentence_of(client.post("/translate", json=body))
    sentence_of(client.post("/translate", json={**body, "alternatives": 2}))
    assert client.get("/languages").json() == []
