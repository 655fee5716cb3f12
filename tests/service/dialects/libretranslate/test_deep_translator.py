"""The package `deep_translator`, unchanged: everything in the query, and an empty body."""

from asyncio import to_thread
from typing import Any

import pytest
from deep_translator import LibreTranslator
from deep_translator.exceptions import AuthorizationException, ServerException

from tests.support.service.fakes import FakeBackend
from tests.support.service.libretranslate import KEY, TEXT, one_key, serving


def translator(url: str, *, key: str = KEY, target: str = "de") -> LibreTranslator:
    return LibreTranslator(source="en", target=target, api_key=key, custom_url=f"{url}/")


@pytest.mark.parametrize("text", [TEXT, "Grüße & more = 50 % + 1 #?", "two\nlines"])
async def test_a_text_is_translated(text: str) -> None:
    async with serving() as url:
        assert await to_thread(translator(url).translate, text) == text.upper()


async def test_a_text_is_translated_from_a_language_that_is_detected() -> None:
    async with serving() as url:
        client = LibreTranslator(source="auto", target="de", api_key=KEY, custom_url=f"{url}/")
        assert await to_thread(client.translate, TEXT) == TEXT.upper()


async def test_a_batch_is_translated() -> None:
    async with serving(keys=one_key("translate")) as url:
        found = await to_thread(translator(url).translate_batch, ["one", "two"])
    assert found == ["ONE", "TWO"]


async def test_a_wrong_key_is_an_authorization_exception() -> None:
    async with serving(keys=one_key("translate")) as url:
        with pytest.raises(AuthorizationException):
            await to_thread(translator(url, key="wrong").translate, TEXT)


@pytest.mark.parametrize(
    ("backend", "text", "target", "settings"),
    [
        pytest.param(FakeBackend(), TEXT, "ko", {}, id="unsupported language"),
        pytest.param(FakeBackend(), TEXT, "de", {"max_text_characters": 5}, id="too long"),
        pytest.param(FakeBackend(places=0), TEXT, "de", {}, id="full"),
        pytest.param(FakeBackend(error=RuntimeError()), TEXT, "de", {}, id="fault"),
        pytest.param(
            FakeBackend(hang_after=0), TEXT, "de", {"default_timeout_ms": 50}, id="deadline"
        ),
    ],
)
async def test_any_other_error_is_a_server_exception(
    backend: FakeBackend, text: str, target: str, settings: dict[str, Any]
) -> None:
    async with serving(backend, **settings) as url:
        with pytest.raises(ServerException):
            await to_thread(translator(url, target=target).translate, text)


async def test_a_client_that_asks_too_often_gets_a_server_exception() -> None:
    async with serving(keys=one_key("translate", requests_per_minute=1)) as url:
        assert await to_thread(translator(url).translate, TEXT) == TEXT.upper()
        with pytest.raises(ServerException):
            await to_thread(translator(url).translate, TEXT)
