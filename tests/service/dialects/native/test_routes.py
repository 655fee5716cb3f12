"""The routes under `/v1` that list and detect, and the headers of their answers."""

from dataclasses import replace

from starlette.testclient import TestClient

from service.api.create import create_api
from service.pairs import Pairs
from service.settings import Settings
from service.text.glossary import Entry, Glossary
from tests.support.service.clients import client_of, refusal
from tests.support.service.fakes import SUMMARIZER, TRANSLATOR, FakeBackend

CODES = tuple(f"{a}{b}{c}" for a in "abcdef" for b in "abcdef" for c in "abcdef")[:200]
MANY = replace(TRANSLATOR, name="many", pairs=Pairs.between(CODES, CODES))


def test_models_are_listed_in_the_catalogue_s_order() -> None:
    client = client_of(FakeBackend(served=(TRANSLATOR, SUMMARIZER)))
    models = client.get("/v1/models").json()["models"]
    assert [model["name"] for model in models] == ["fake/translate", "fake/summarize"]
    assert [model["task"] for model in models] == ["translation", "summarization"]
    assert models[0]["pairs"][0] == ["en", "de"]
    assert models[0]["source_languages"] == ["en", "de", "fr", "es"]
    assert models[1]["styles"] == ["headline", "tldr"]
    assert (models[1]["pairs"], models[1]["source_languages"]) == ([], [])


def test_a_model_is_listed_with_all_that_is_known_of_it() -> None:
    served = replace(
        TRANSLATOR,
        tasks=("translation", "summarization"),
        styles=("tldr",),
        default_for=("translation", "en-de"),
        state="not_loaded",
        origin="owner/name",
        revision="abc",
        max_waiting=9,
        defaults={"num_beams": 4},
        quantize="int8",
        kernels="own (AMX)",
    )
    (model,) = client_of(FakeBackend(served=(served,))).get("/v1/models").json()["models"]
    assert model["tasks"] == ["translation", "summarization"]
    assert model["default_for"] == ["translation", "en-de"]
    assert (model["state"], model["weights_bytes"]) == ("not_loaded", None)
    assert (model["family"], model["num_parameters"]) == ("fake", 7)
    assert (model["origin"], model["revision"]) == ("owner/name", "abc")
    assert (model["dtype"], model["quantize"], model["device"]) == ("float32", "int8", "cpu")
    assert model["kernels"] == "own (AMX)"
    assert (model["max_input_tokens"], model["max_new_tokens"]) == (64, 64)
    assert (model["max_waiting"], model["default_num_beams"]) == (9, 1)
    assert model["defaults"] == {"num_beams": 4}


def test_the_pairs_of_many_languages_are_told_in_short() -> None:
    response = client_of(FakeBackend(served=(MANY,))).get("/v1/models")
    (model,) = response.json()["models"]
    assert model["pairs"] is None
    assert tuple(model["source_languages"]) == tuple(model["target_languages"]) == CODES
    assert len(response.content) < 4_000


def test_pairs_that_are_no_combination_are_listed_however_many() -> None:
    pairs = [pair for pair in MANY.pairs if pair[0] < pair[1]]
    served = replace(MANY, pairs=Pairs.of(pairs))
    (model,) = client_of(FakeBackend(served=(served,))).get("/v1/models").json()["models"]
    assert model["pairs"] == [list(pair) for pair in pairs]


def test_languages_are_listed_with_their_targets() -> None:
    answer = client_of().get("/v1/languages").json()
    assert answer["languages"][0] == {
        "code": "en",
        "name": "English",
        "targets": ["de", "fr", "es"],
    }
    assert answer["targets"] == []


def test_many_languages_are_listed_without_repeating_their_targets() -> None:
    beside = replace(TRANSLATOR, pairs=Pairs.of([("xx", "aaa"), ("aab", "yy")]))
    response = client_of(FakeBackend(served=(MANY, beside))).get("/v1/languages")
    languages = {language["code"]: language for language in response.json()["languages"]}
    assert languages["aaa"]["targets"] is None
    assert languages["aab"]["targets"] == [*(c for c in CODES if c != "aab"), "yy"]
    assert languages["xx"]["targets"] == ["aaa"]
    assert languages["yy"]["targets"] == []
    assert tuple(response.json()["targets"]) == CODES
    assert len(response.content) < 15_000


def test_models_that_come_later_are_listed_translated_with_and_detected() -> None:
    backend = FakeBackend(served=())
    client = client_of(backend)
    body = {"text": "Where is the train station?", "target_lang": "de"}
    assert refusal(client, "/v1/translate", body)[1] == "task_not_served"
    backend.served = (TRANSLATOR,)
    assert len(client.get("/v1/models").json()["models"]) == 1
    (translation,) = client.post("/v1/translate", json=body).json()["translations"]
    assert (translation["source_lang"], translation["detected"]) == ("en", True)


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


def test_a_glossary_of_the_catalogue_can_be_named_and_no_other() -> None:
    named = {"product": Glossary([Entry("a", "b")], name="product", pair=("en", "de"))}
    client = TestClient(create_api(FakeBackend(), Settings(), glossaries=named))
    body = {"text": "Hello", "source_lang": "en", "target_lang": "de"}

    assert client.post("/v1/translate", json={**body, "glossary": "product"}).status_code == 200
    assert refusal(client, "/v1/translate", {**body, "glossary": "other"}) == (
        422,
        "invalid_field",
        "`glossary` is 'other'; the glossaries are product",
    )


def test_a_summary_takes_no_glossary() -> None:
    client = client_of(FakeBackend(served=(TRANSLATOR, SUMMARIZER)))

    status, code, sentence = refusal(client, "/v1/summarize", {"text": "Hello", "glossary": []})

    assert (status, code) == (422, "invalid_field")
    assert sentence == "`glossary` is not a field of this request"
