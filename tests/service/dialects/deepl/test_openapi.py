"""The documentation of DeepL's routes says what they take."""

import itertools

import pytest
from jsonschema import Draft202012Validator

from tests.support.service.clients import Json, client_of

VALUES = [
    None, True, False, 0, 1, 2, -1, 1.5, "", "0", "1", "2", "true", "a", "a,b", "xml", "html", "v1",
    "nonewlines", "default", "more", "latency_optimized",
    [], ["a"], ["a", "b,c"], [1], {}, {"a": 1},
]  # fmt: skip
BODY: Json = {"text": ["Hello"], "target_lang": "DE", "source_lang": "EN"}
OF_THE_SERVICE = {"target_lang", "source_lang", "glossary_id", "glossary_ids"}  # which knows ids
JSON, FORM = "application/json", "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def paths() -> Json:
    found: Json = client_of().get("/openapi.json").json()["paths"]
    return found


def test_every_route_is_documented_with_its_errors(paths: Json) -> None:
    ours = {path: routes for path, routes in paths.items() if path.startswith(("/v2/", "/v3/"))}
    found = {
        (method.upper(), path)
        for path, routes in ours.items()
        for method, route in routes.items()
        if route["tags"] == ["DeepL"]
    }
    assert found >= {
        ("POST", "/v2/translate"),
        ("GET", "/v2/usage"),
        ("POST", "/v2/usage"),
        ("GET", "/v2/languages"),
        ("POST", "/v2/languages"),
        ("GET", "/v3/languages"),
    }
    for method, path in found:
        responses = ours[path][method.lower()]["responses"]
        assert {"4XX", "5XX"} <= set(responses)
        schema = responses["4XX"]["content"][JSON]["schema"]
        assert schema["title"] == "ErrorObject"


def test_a_documented_body_is_taken_and_any_other_refused(paths: Json) -> None:
    content = paths["/v2/translate"]["post"]["requestBody"]["content"]
    client = client_of()
    schema = content[JSON]["schema"]
    validator = Draft202012Validator(schema)
    names = sorted(set(schema["properties"]) - OF_THE_SERVICE)
    for name, value in itertools.product(names, VALUES):
        body = {**BODY, name: value}
        status = client.post("/v2/translate", json=body).status_code
        assert status == (200 if validator.is_valid(body) else 400), body


def test_a_documented_form_is_taken_and_any_other_refused(paths: Json) -> None:
    content = paths["/v2/translate"]["post"]["requestBody"]["content"]
    client = client_of()
    schema = content[FORM]["schema"]
    validator = Draft202012Validator(schema)
    names = sorted(set(schema["properties"]) - OF_THE_SERVICE)
    writable = [value for value in VALUES if isinstance(value, str)]
    for name, value in itertools.product(names, writable):
        body = {**BODY, name: value}
        status = client.post("/v2/translate", data=body).status_code
        assert status == (200 if validator.is_valid(body) else 400), body


def test_a_form_documents_only_what_it_can_write(paths: Json) -> None:
    for path in ("/v2/translate", "/v2/languages"):
        for field in paths[path]["post"]["requestBody"]["content"][FORM]["schema"][
            "properties"
        ].values():
            options = field.get("anyOf", [field])
            assert options
            assert {option.get("type", "string") for option in options} <= {"string", "array"}
            assert all(isinstance(v, str) for option in options for v in option.get("enum", []))


def test_the_kind_of_listing_is_documented_where_it_may_stand(paths: Json) -> None:
    (parameter,) = paths["/v2/languages"]["get"]["parameters"]
    assert (parameter["name"], parameter["in"]) == ("type", "query")
    assert parameter["schema"]["enum"] == ["source", "target"]
    assert "requestBody" not in paths["/v2/languages"]["get"]
