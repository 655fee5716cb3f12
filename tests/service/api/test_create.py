"""The application as a whole: one error object for everything, and its documentation."""

import pytest

from tests.support.service.clients import client_of


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/translate", 405, "method_not_allowed"),
        ("POST", "/v1/nothing", 404, "not_found"),
    ],
)
def test_the_framework_s_errors_have_the_same_object(
    method: str, path: str, status: int, code: str
) -> None:
    response = client_of().request(method, path)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.json()["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b'{"text": ', "application/json", id="broken"),
        pytest.param(b"text=hello", "application/x-www-form-urlencoded", id="form"),
        pytest.param(b"[" * 100_000, "application/json", id="deep"),
        pytest.param(b'{"text":"\xff"}', "application/json", id="no utf-8"),
        pytest.param(
            b'{"text":"a","target_lang":"de","seed":' + b"9" * 5_000 + b"}",
            "application/json",
            id="huge number",
        ),
        pytest.param(b"", "application/json", id="empty"),
    ],
)
def test_a_body_that_is_no_json_object_is_one_sentence(body: bytes, content_type: str) -> None:
    response = client_of().post(
        "/v1/translate", content=body, headers={"content-type": content_type}
    )
    assert response.status_code == 422
    assert isinstance(response.json()["error"], str)
    assert "hello" not in response.text


def test_the_schema_shows_our_error_object_only() -> None:
    schema = client_of().get("/openapi.json")
    assert "HTTPValidationError" not in schema.text
    responses = schema.json()["paths"]["/v1/translate"]["post"]["responses"]
    assert set(responses) == {"200", "422", "4XX", "5XX"}


@pytest.mark.parametrize(
    ("method", "path", "taken"),
    [
        ("POST", "/models/fake/translate/info", "GET"),
        ("GET", "/v2/models/fake/translate/infer", "POST"),
        ("DELETE", "/nllb/translate", "GET, POST"),
    ],
)
def test_a_method_that_was_refused_is_not_among_those_that_are_taken(
    method: str, path: str, taken: str
) -> None:
    response = client_of().request(method, path)
    assert (response.status_code, response.headers["allow"]) == (405, taken)
    assert response.json()["error"].endswith(f"it takes {taken}")
