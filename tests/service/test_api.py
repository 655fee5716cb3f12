"""The application as a whole: its other routes, its error object, its documentation."""

import pytest

from tests.clients import client_of, refusal
from tests.fakes import SUMMARIZER, TRANSLATOR, FakeBackend


def test_models_are_listed_in_the_catalogue_s_order() -> None:
    client = client_of(FakeBackend(served=(TRANSLATOR, SUMMARIZER)))
    models = client.get("/v1/models").json()["models"]
    assert [model["name"] for model in models] == ["fake/translate", "fake/summarize"]
    assert models[0]["pairs"][0] == ["en", "de"]
    assert models[1]["styles"] == ["headline", "tldr"]


def test_languages_are_listed_with_their_targets() -> None:
    languages = client_of().get("/v1/languages").json()["languages"]
    assert languages[0] == {"code": "en", "name": "English", "targets": ["de", "fr", "es"]}


def test_the_language_of_each_text_is_detected() -> None:
    body = {"text": ["Where is the train station?", "12:30"]}
    detections = client_of().post("/v1/detect", json=body).json()["detections"]
    assert [d["language"] for d in detections] == ["en", None]
    assert detections[0]["confidence"] > 0.9


def test_detection_has_the_limits_of_translation() -> None:
    client = client_of(max_text_characters=10)
    found = refusal(client, "/v1/detect", {"text": "a" * 11})
    assert found[:2] == (413, "text_too_long")


@pytest.mark.parametrize(
    ("backend", "health", "ready"),
    [
        pytest.param(FakeBackend(), 200, 200, id="well"),
        pytest.param(FakeBackend(ready=False), 200, 503, id="loading"),
        pytest.param(FakeBackend(alive=False), 503, 503, id="dead"),
    ],
)
def test_health_is_the_engine_s_and_readiness_the_models(
    backend: FakeBackend, health: int, ready: int
) -> None:
    client = client_of(backend)
    assert (client.get("/health").status_code, client.get("/ready").status_code) == (health, ready)


def test_info_names_the_models_and_limits() -> None:
    info = client_of(max_items=7).get("/info").json()
    assert info["models"] == ["fake/translate"]
    assert info["limits"]["max_items"] == 7


def test_metrics_count_requests_by_route_and_status() -> None:
    client = client_of()
    client.get("/nowhere/at/all")
    client.post("/v1/detect", json={"text": "Good morning."})
    text = client.get("/metrics").text
    assert 'dragoman_requests_total{route="/v1/detect",status="200"}' in text
    assert 'dragoman_requests_total{route="other",status="404"}' in text
    assert "nowhere" not in text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/translate", 405, "method_not_allowed"),
        ("POST", "/v1/usage", 404, "not_found"),
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


def test_times_are_in_the_headers() -> None:
    body = {"text": "Good morning.", "target_lang": "de"}
    headers = client_of().post("/v1/translate", json=body).headers
    assert (headers["x-queue-time"], headers["x-inference-time"]) == ("1.0", "2.0")
    assert float(headers["x-total-time"]) > 0


def test_the_documentation_needs_no_network() -> None:
    client = client_of()
    page = client.get("/docs").text
    assert "https://" not in page
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"):
        assert f"docs/assets/{asset}" in page
        assert client.get(f"/docs/assets/{asset}").status_code == 200


def test_the_schema_shows_our_error_object_only() -> None:
    schema = client_of().get("/openapi.json")
    assert "HTTPValidationError" not in schema.text
    responses = schema.json()["paths"]["/v1/translate"]["post"]["responses"]
    assert set(responses) == {"200", "422", "4XX", "5XX"}


def test_the_start_page_loads_nothing_from_elsewhere() -> None:
    page = client_of().get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "http://" not in page.text
    assert "https://" not in page.text
