"""Clients besides the package `deepl`, by the requests that they are known to send."""

from dataclasses import replace
from urllib.parse import urlencode

import httpx

from tests.support.service.clients import Json
from tests.support.service.deepl_clients import KEY, deepl_server, key_ring
from tests.support.service.fakes import TRANSLATOR, FakeBackend

FORM = {"content-type": "application/x-www-form-urlencoded"}
COPYING = replace(TRANSLATOR, stand_ins=("XAX", "XBX", "XCX"))


def key(value: str = KEY) -> dict[str, str]:
    """Return the header of a client with a key."""
    return {"authorization": f"DeepL-Auth-Key {value}"}


async def post_form(server: httpx.AsyncClient, *fields: tuple[str, str]) -> Json:
    """Return the answer to a form, written as the SDKs do: a name is repeated for a list."""
    content = urlencode(fields)
    response = await server.post("/v2/translate", content=content, headers={**key(), **FORM})
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


async def test_weblate_finds_its_languages_and_checks_its_settings() -> None:
    async with deepl_server(keys=key_ring()) as server:
        found = {}
        for kind in ("source", "target"):
            url = f"/v2/languages?type={kind}"
            response = await server.get(url, headers=key())
            found[kind] = {each["language"] for each in response.json()}
        assert {"EN", "DE"} <= found["source"]
        assert {"DE", "EN-US", "EN-GB"} <= found["target"]
        body = weblate_body("test", target="DE")
        response = await server.post("/v2/translate", json=body, headers=key())
        assert response.json()["translations"][0]["text"] == "TEST"


async def test_weblate_of_2026_finds_source_and_target_languages() -> None:
    async with deepl_server(keys=key_ring()) as server:
        params = {"resource": "translate_text"}
        response = await server.get("/v3/languages", params=params, headers=key())
    languages = {each["lang"]: each for each in response.json()}
    assert languages["en"]["usable_as_source"]
    assert languages["en-GB"]["usable_as_target"]
    assert not any("formality" in each["features"] for each in languages.values())


async def test_weblate_gets_its_placeholders_back_once_each_in_every_text() -> None:
    texts = [
        'Hello <x id="6"></x>, you have <x id="23"></x> new messages &amp; calls.',
        '<x id="0"></x> of <x id="10"></x>',
        "No placeholder at all.",
    ]
    backend = FakeBackend(served=(COPYING,))
    async with deepl_server(backend, keys=key_ring()) as server:
        body = weblate_body(*texts, target="DE", model_type="prefer_quality_optimized")
        response = await server.post("/v2/translate", json=body, headers=key())
    found = [each["text"] for each in response.json()["translations"]]
    assert found == [
        'HELLO <x id="6"></x>, YOU HAVE <x id="23"></x> NEW MESSAGES &amp; CALLS.',
        '<x id="0"></x> OF <x id="10"></x>',
        "NO PLACEHOLDER AT ALL.",
    ]


async def test_weblate_shows_the_message_of_an_error() -> None:
    async with deepl_server(keys=key_ring()) as server:
        for body in (
            weblate_body("a", target="XX"),
            weblate_body("a", target="DE", formality="more"),
        ):
            response = await server.post("/v2/translate", json=body, headers=key())
            assert response.status_code == 400
            assert isinstance(response.json()["message"], str)
        response = await server.get("/v2/languages?type=source", headers=key("wrong"))
        assert response.status_code == 403
        assert response.json()["message"] == "the API key is not valid"


async def test_an_sdk_that_sends_forms_is_answered() -> None:
    async with deepl_server(keys=key_ring()) as server:
        answer = await post_form(
            server,
            ("target_lang", "DE"),
            ("source_lang", "EN"),
            ("text", "Hello <i>you</i> & me"),
            ("text", "100 % = all, ü"),
            ("tag_handling", "xml"),
            ("outline_detection", "0"),
            ("ignore_tags", "i,k"),
            ("show_billed_characters", "1"),
            ("preserve_formatting", "1"),
            ("formality", "prefer_less"),
            ("split_sentences", "nonewlines"),
        )
    assert [each["text"] for each in answer["translations"]] == [
        "HELLO <i>you</i> & ME",
        "100 % = ALL, Ü",
    ]
    assert [each["billed_characters"] for each in answer["translations"]] == [21, 14]


async def test_a_form_of_one_text_gets_a_list_of_one_translation() -> None:
    async with deepl_server(keys=key_ring()) as server:
        answer = await post_form(server, ("text", "Hello"), ("target_lang", "DE"))
    assert answer == {"translations": [{"detected_source_language": "EN", "text": "HELLO"}]}


async def test_an_sdk_that_writes_booleans_in_json_is_answered() -> None:
    body = {
        "text": ["Hello"],
        "source_lang": "en",
        "target_lang": "de",
        "preserve_formatting": False,
        "outline_detection": True,
        "show_billed_characters": True,
        "split_sentences": "1",
        "context": None,
        "style_id": None,
    }
    async with deepl_server(keys=key_ring()) as server:
        response = await server.post("/v2/translate", json=body, headers=key())
    assert response.json() == {
        "translations": [
            {"detected_source_language": "EN", "text": "HELLO", "billed_characters": 5}
        ]
    }


def weblate_body(*texts: str, target: str, **more: str) -> Json:
    """Return the body that Weblate sends for texts of English."""
    return {
        "text": list(texts),
        "source_lang": "EN",
        "target_lang": target,
        "formality": "default",
        "tag_handling": "xml",
        "ignore_tags": ["x"],
        **more,
    }
