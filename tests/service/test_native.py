"""The routes under `/v1` that list and detect, and the headers of their answers."""

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


def test_times_are_in_the_headers() -> None:
    body = {"text": "Good morning.", "target_lang": "de"}
    headers = client_of().post("/v1/translate", json=body).headers
    assert (headers["x-queue-time"], headers["x-inference-time"]) == ("1.0", "2.0")
    assert float(headers["x-total-time"]) > 0
