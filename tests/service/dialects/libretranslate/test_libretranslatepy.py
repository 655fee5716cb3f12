"""The package `libretranslatepy`, unchanged, as a client."""

import json
from asyncio import to_thread
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError

import pytest
from libretranslatepy import LibreTranslateAPI

from tests.support.service.fakes import FakeBackend
from tests.support.service.libretranslate import KEY, TEXT, one_key, serving

Call = Callable[[LibreTranslateAPI], Any]


async def refused(url: str, call: Call, *, key: str | None = None) -> tuple[int, str]:
    """Return the status and the sentence of a call that must fail."""
    with pytest.raises(HTTPError) as caught:
        await to_thread(call, LibreTranslateAPI(url, key))
    with caught.value as error:
        body = json.loads(error.read())
    assert all(isinstance(value, str) for value in body.values())
    return error.code, body["error"]


def translate(api: LibreTranslateAPI) -> Any:
    return api.translate(TEXT, "en", "de")


async def test_a_text_is_translated() -> None:
    async with serving() as url:
        assert await to_thread(translate, LibreTranslateAPI(url)) == TEXT.upper()


async def test_a_text_is_translated_from_a_language_that_is_detected() -> None:
    async with serving() as url:
        api = LibreTranslateAPI(url + "/")
        assert await to_thread(api.translate, TEXT, "auto", "de") == TEXT.upper()


async def test_lines_stay_lines() -> None:
    async with serving() as url:
        api = LibreTranslateAPI(url)
        found = await to_thread(api.translate, "one\r\ntwo\nthree\n", "en", "de")
        assert found == "ONE\nTWO\nTHREE\n"


async def test_a_language_is_detected() -> None:
    async with serving() as url:
        found = await to_thread(LibreTranslateAPI(url).detect, TEXT)
    assert found[0]["language"] == "en"
    assert isinstance(found[0]["confidence"], int)
    assert [each["confidence"] for each in found] == sorted(
        (each["confidence"] for each in found), reverse=True
    )


@pytest.mark.parametrize("key", [None, KEY])
async def test_languages_are_listed_to_a_get_with_a_body(key: str | None) -> None:
    async with serving(keys=one_key("translate")) as url:
        found = await to_thread(LibreTranslateAPI(url, key).languages)
    assert found[0] == {"code": "en", "name": "English", "targets": ["de", "fr", "es"]}


async def test_a_key_opens_all_calls() -> None:
    async with serving(keys=one_key("translate")) as url:
        api = LibreTranslateAPI(url, KEY)
        assert await to_thread(translate, api) == TEXT.upper()
        assert (await to_thread(api.detect, TEXT))[0]["language"] == "en"


@pytest.mark.parametrize("call", [translate, lambda api: api.detect(TEXT)])
@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("wrong", "Invalid API key"),
        ("", "Please contact the server operator to get an API key"),
        (None, "Please contact the server operator to get an API key"),
    ],
)
async def test_without_a_valid_key_every_call_is_a_403(
    call: Call, key: str | None, sentence: str
) -> None:
    async with serving(keys=one_key("translate")) as url:
        assert await refused(url, call, key=key) == (403, sentence)


async def test_a_key_for_summaries_does_not_translate() -> None:
    async with serving(keys=one_key("summarize")) as url:
        status, sentence = await refused(url, translate, key=KEY)
    assert status == 403
    assert "translate" in sentence


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        pytest.param(
            lambda api: api.translate(TEXT, "zz", "de"), "zz is not supported", id="source"
        ),
        pytest.param(
            lambda api: api.translate(TEXT, "en", "zz"), "zz is not supported", id="target"
        ),
        pytest.param(
            lambda api: api.translate(TEXT, "de", "fr"), "no model translates de-fr", id="pair"
        ),
        pytest.param(
            lambda api: api.translate(TEXT, "", "de"),
            "Invalid request: missing source parameter",
            id="missing",
        ),
        pytest.param(
            lambda api: api.translate("x" * 101, "en", "de"),
            "Invalid request: request (101) exceeds text limit (100)",
            id="too long",
        ),
        pytest.param(
            lambda api: api.detect("x" * 101),
            "Invalid request: request (101) exceeds text limit (100)",
            id="too long to detect",
        ),
    ],
)
async def test_a_request_that_cannot_be_answered_is_a_400(call: Call, sentence: str) -> None:
    async with serving(max_text_characters=100) as url:
        status, found = await refused(url, call)
    assert status == 400
    assert found.startswith(sentence)


@pytest.mark.parametrize(
    ("backend", "status", "settings"),
    [
        pytest.param(FakeBackend(places=0), 503, {}, id="full"),
        pytest.param(FakeBackend(error=RuntimeError("inner detail")), 500, {}, id="fault"),
        pytest.param(FakeBackend(hang_after=0), 504, {"default_timeout_ms": 50}, id="deadline"),
    ],
)
async def test_an_answer_that_we_fail_to_give_is_one_sentence(
    backend: FakeBackend, status: int, settings: dict[str, Any]
) -> None:
    async with serving(backend, **settings) as url:
        found, sentence = await refused(url, translate)
    assert found == status
    assert "inner detail" not in sentence


async def test_a_client_that_asks_too_often_is_slowed_down() -> None:
    async with serving(keys=one_key("translate", requests_per_minute=1)) as url:
        assert await to_thread(translate, LibreTranslateAPI(url, KEY)) == TEXT.upper()
        status, sentence = await refused(url, translate, key=KEY)
    assert status == 429
    assert sentence.startswith("Slowdown: ")
