"""The routes beside `/translate`, and the document that describes all of them."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from service.api.create import create_api
from service.settings import Settings
from tests.support.service.clients import client_of
from tests.support.service.fakes import FakeBackend
from tests.support.service.libretranslate import TEXT, access_by, one_key

PATHS = {
    "/translate": "post",
    "/detect": "post",
    "/languages": "get",
    "/frontend/settings": "get",
    "/spec": "get",
    "/suggest": "post",
    "/translate_file": "post",
    "/download_file/{name}": "get",
}
FIELDS = {"q": TEXT, "source": "auto", "target": "de", "format": "html", "alternatives": 2}


@pytest.fixture
def closed() -> TestClient:
    """A client of a service with keys, of which it has none."""
    app = create_api(FakeBackend(), Settings(), access=access_by(one_key("translate")))
    return TestClient(app)


@pytest.mark.parametrize("path", ["/languages", "/frontend/settings", "/spec", "/health"])
def test_what_a_form_needs_first_needs_no_key(closed: TestClient, path: str) -> None:
    assert closed.get(path).status_code == 200


def test_the_settings_are_those_of_the_service(closed: TestClient) -> None:
    settings = client_of(max_text_characters=77).get("/frontend/settings").json()
    assert settings == {
        "apiKeys": False,
        "charLimit": 77,
        "filesTranslation": False,
        "frontendTimeout": 500,
        "keyRequired": False,
        "language": {
            "source": {"code": "auto", "name": "Auto Detect"},
            "target": {"code": "de", "name": "German"},
        },
        "suggestions": False,
        "supportedFilesFormat": [],
    }
    keyed = closed.get("/frontend/settings").json()
    assert (keyed["apiKeys"], keyed["keyRequired"]) == (True, True)


def test_the_settings_name_a_language_even_where_none_is_served() -> None:
    settings = client_of(FakeBackend(served=())).get("/frontend/settings").json()
    assert settings["language"]["target"] == {"code": "en", "name": "English"}


@pytest.mark.parametrize("text", [TEXT, "Wo ist der Bahnhof?", "Data", "ok no"])
def test_languages_are_detected_the_likeliest_first(text: str) -> None:
    found = client_of().post("/detect", data={"q": text}).json()
    confidences = [each["confidence"] for each in found]
    assert confidences == sorted(confidences, reverse=True)
    assert all(isinstance(each, int) and 1 <= each <= 100 for each in confidences)
    assert len({each["language"] for each in found}) == len(found)


@pytest.mark.parametrize("text", ["", " ", "123", []])
def test_a_text_without_words_may_be_english_but_is_not_known_to_be(text: object) -> None:
    found = client_of().post("/detect", json={"q": text}).json()
    assert found == [{"confidence": 0, "language": "en"}]


def test_a_language_that_is_not_served_is_named() -> None:
    text = "Waar is het station in deze mooie stad, vroeg hij aan de man"
    (found,) = client_of().post("/detect", json={"q": text}).json()
    assert found["language"] == "nl"


def test_a_list_is_detected_as_one_text() -> None:
    client = client_of()
    texts = ["Wo ist der Bahnhof?", "Morgen fahren wir nach Hause."]
    alone = client.post("/detect", json={"q": "\n".join(texts)}).json()
    assert client.post("/detect", json={"q": texts}).json() == alone


def test_the_document_describes_these_routes_as_the_service_s_own_does() -> None:
    client = client_of()
    document, whole = client.get("/spec").json(), client.get("/openapi.json").json()
    assert set(document["paths"]) == set(PATHS)
    for path, method in PATHS.items():
        operation = document["paths"][path][method]
        assert operation["tags"] == ["LibreTranslate"]
        assert set(operation["responses"]) >= {"4XX", "5XX"}
        assert "422" not in operation["responses"]
        own = whole["paths"][path][method]
        assert own["description"] == operation["description"]
        assert own.get("requestBody") == operation.get("requestBody")
    assert client.get("/spec").json() == document


@pytest.mark.parametrize(
    ("path", "request_"),
    [
        ("/translate", {"json": FIELDS}),
        ("/translate", {"json": {**FIELDS, "q": [TEXT, ""]}}),
        ("/translate", {"data": {**FIELDS, "source": "en", "alternatives": "0"}}),
        ("/translate", {"json": {**FIELDS, "target": "zz"}}),
        ("/translate", {"json": {}}),
        ("/detect", {"json": {"q": TEXT}}),
        ("/detect", {"json": {}}),
        ("/languages", {}),
        ("/frontend/settings", {}),
        ("/spec", {}),
        ("/suggest", {}),
        ("/download_file/{name}", {}),
    ],
)
def test_every_answer_fits_the_document(path: str, request_: dict[str, Any]) -> None:
    client = client_of()
    document = client.get("/spec").json()
    response = client.request(PATHS[path], path, **request_)
    declared = document["paths"][path][PATHS[path]]["responses"]
    status = str(response.status_code)
    content = declared[status if status in declared else "4XX"]["content"]
    rooted = {**content["application/json"]["schema"], "components": document["components"]}
    Draft202012Validator(rooted).validate(response.json())


@pytest.mark.parametrize("encoding", ["application/json", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize(
    ("fields", "fits"),
    [
        (FIELDS, True),
        ({**FIELDS, "q": [TEXT], "alternatives": "3", "format": None, "api_key": None}, True),
        ({**FIELDS, "alternatives": None, "format": "", "secret": "x"}, True),
        ({**FIELDS, "alternatives": "", "api_key": ""}, True),
        ({**FIELDS, "alternatives": 3.0}, True),
        ({**FIELDS, "q": 5}, False),
        ({**FIELDS, "q": [5]}, False),
        ({**FIELDS, "q": None}, False),
        ({**FIELDS, "source": ""}, False),
        ({**FIELDS, "target": None}, False),
        ({**FIELDS, "alternatives": 8}, False),
        ({**FIELDS, "alternatives": True}, False),
        ({**FIELDS, "alternatives": "x"}, False),
        ({**FIELDS, "alternatives": 0.5}, False),
        ({**FIELDS, "format": "xml"}, False),
        ({**FIELDS, "api_key": 5}, False),
    ],
)
def test_the_document_s_bodies_are_those_that_are_answered(
    encoding: str, fields: dict[str, Any], *, fits: bool
) -> None:
    client = client_of()
    content = client.get("/spec").json()["paths"]["/translate"]["post"]["requestBody"]["content"]
    assert Draft202012Validator(content[encoding]["schema"]).is_valid(fields) == fits
    assert (client.post("/translate", json=fields).status_code == 200) == fits
