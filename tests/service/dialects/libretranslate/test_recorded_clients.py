"""Requests as clients send them that are no Python packages, and what they read of the answers."""

from asyncio import to_thread
from typing import Any

import httpx
import pytest

from tests.support.service.fakes import FakeBackend
from tests.support.service.key_rings import GivenKeys
from tests.support.service.libretranslate import KEY, TEXT, backend_of, one_key, serving

Request = dict[str, Any]  # arguments of `httpx.post`

ONE = {"q": TEXT, "source": "en", "target": "de"}
MANY = {**ONE, "q": [TEXT, "Thank you."]}

SINGLE = [
    pytest.param({"json": ONE}, id="SubtitleEdit"),
    pytest.param({"json": {**ONE, "format": "text"}}, id="Lingarr"),
    pytest.param({"json": {**ONE, "api_key": ""}}, id="translate of npm"),
    pytest.param({"json": {**ONE, "api_key": None, "alternatives": 0}}, id="libretranslate-ts"),
    pytest.param({"data": {**ONE, "format": "html"}}, id="Discourse"),
    pytest.param(
        {"files": {name: (None, value) for name, value in {**ONE, "api_key": ""}.items()}},
        id="Linguist",
    ),
    pytest.param(
        {"json": {**ONE, "format": "text", "api_key": "", "secret": "0A1B2C"}},
        id="the web page of LibreTranslate",
    ),
]
LISTS = [
    pytest.param({"json": {"api_key": "", **MANY}}, id="Weblate"),
    pytest.param({"json": {**MANY, "format": "html", "api_key": None}}, id="Mastodon"),
]


async def post(url: str, path: str, request: Request) -> httpx.Response:
    async with httpx.AsyncClient(base_url=url) as client:
        return await client.post(path, **request)


@pytest.mark.parametrize("request_", SINGLE)
async def test_a_text_is_answered_by_a_text(request_: Request) -> None:
    async with serving() as url:
        response = await post(url, "/translate", request_)
    assert response.status_code == 200
    assert response.json() == {"translatedText": TEXT.upper()}


@pytest.mark.parametrize("request_", LISTS)
async def test_a_list_is_answered_by_a_list(request_: Request) -> None:
    async with serving() as url:
        response = await post(url, "/translate", request_)
    assert response.json() == {"translatedText": [TEXT.upper(), "THANK YOU."]}


@pytest.mark.parametrize("request_", [*SINGLE, *LISTS])
async def test_every_client_reads_the_sentence_of_a_refused_key(request_: Request) -> None:
    async with serving(keys=one_key("translate")) as url:
        response = await post(url, "/translate", request_)
    assert response.status_code == 403
    assert response.json()["error"] == "Please contact the server operator to get an API key"


@pytest.mark.parametrize("request_", [*SINGLE, *LISTS])
async def test_every_client_reads_when_to_come_back_to_a_full_service(request_: Request) -> None:
    async with serving(FakeBackend(places=0), retry_after_s=7) as url:
        response = await post(url, "/translate", request_)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "7"
    assert isinstance(response.json()["error"], str)


WEBLATE_HEADERS = {"Accept": "application/json; charset=utf-8", "Referer": "http://weblate/"}


class Weblate:
    """Weblate's engine for LibreTranslate, as far as it reads answers."""

    def __init__(self, url: str) -> None:
        self._url = url

    def languages(self) -> list[str]:
        response = httpx.get(f"{self._url}/languages", headers=WEBLATE_HEADERS)
        return [language["code"] for language in self._checked(response)]

    def translate(self, source: str, target: str, texts: list[str], *, key: str = "") -> list[str]:
        body = {"api_key": key, "q": texts, "source": source, "target": target}
        response = httpx.post(f"{self._url}/translate", json=body, headers=WEBLATE_HEADERS)
        translated = self._checked(response)["translatedText"]
        return [translated[index] for index, _ in enumerate(texts)]

    def _checked(self, response: httpx.Response) -> Any:
        if response.is_error:
            error = response.json().get("error")
            assert isinstance(error, str)
            raise ValueError(f"{response.status_code}: {error}")
        return response.json()


async def test_weblate_accepts_the_service_s_settings() -> None:
    async with serving() as url:
        weblate = Weblate(url)
        assert {"en", "de"} <= set(await to_thread(weblate.languages))
        assert await to_thread(weblate.translate, "en", "de", ["test"]) == ["TEST"]


async def test_weblate_finds_chinese_and_brazilian_by_its_own_codes() -> None:
    async with serving(backend_of("en", "zho_Hans", "zho_Hant", "pt_BR")) as url:
        weblate = Weblate(url)
        for code in ("zh-Hans", "zh-Hant", "pt-BR"):
            assert code in await to_thread(weblate.languages)
            assert await to_thread(weblate.translate, "en", code, ["test"]) == ["TEST"]


@pytest.mark.parametrize(
    ("keys", "key", "target", "expected"),
    [
        (one_key("translate"), "wrong", "de", "403: Invalid API key"),
        (None, "", "zz", "400: zz is not supported"),
        (one_key("translate", characters_per_minute=1), KEY, "de", "400: `q` has 27 characters "),
        (one_key("translate", characters_per_month=1), KEY, "de", "429: Slowdown: "),
    ],
)
async def test_weblate_shows_its_users_our_errors(
    keys: GivenKeys | None, key: str, target: str, expected: str
) -> None:
    async with serving(keys=keys) as url:
        with pytest.raises(ValueError, match=f"^{expected}"):
            await to_thread(Weblate(url).translate, "en", target, [TEXT], key=key)


async def test_mastodon_reads_the_language_of_each_text() -> None:
    texts = ["<p>Wo ist der Bahnhof?</p>", "<p>Where is the train station?</p>"]
    body = {"q": texts, "source": "auto", "target": "en", "format": "html", "api_key": None}
    async with serving() as url:
        answer = (await post(url, "/translate", {"json": body})).json()
    assert answer["translatedText"] == ["<p>WO IST DER BAHNHOF?</p>", texts[1]]
    assert [each["language"] for each in answer["detectedLanguage"]] == ["de", "en"]


async def test_mastodon_reads_the_targets_of_each_language() -> None:
    async with serving() as url, httpx.AsyncClient(base_url=url) as client:
        languages = (await client.get("/languages")).json()
    targets = {language["code"]: language["targets"] for language in languages}
    assert targets == {"en": ["de", "fr", "es"], "de": ["en"], "fr": ["en"], "es": ["en"]}


async def test_discourse_detects_and_then_translates() -> None:
    async with serving(backend_of("en", "he", "zh")) as url:
        found = (await post(url, "/detect", {"data": {"q": "איפה תחנת הרכבת?"}})).json()
        assert found[0]["language"] == "he"
        for code in ("iw", "he", "zh"):
            body = {"q": "<p>Hi</p>", "source": "en", "target": code, "format": "html"}
            answer = await post(url, "/translate", {"data": body})
            assert answer.json() == {"translatedText": "<p>HI</p>"}


async def test_libretranslate_ts_reads_alternatives_and_detections() -> None:
    async with serving() as url:
        body = {**ONE, "source": "auto", "alternatives": 2, "api_key": None}
        answer = (await post(url, "/translate", {"json": body})).json()
        detected = (await post(url, "/detect", {"json": {"q": TEXT, "api_key": None}})).json()
    assert answer["alternatives"] == [TEXT.upper() + "'", TEXT.upper() + "''"]
    assert answer["detectedLanguage"]["language"] == detected[0]["language"] == "en"


@pytest.mark.parametrize("data", [{}, {"api_key": KEY}])
async def test_argos_translate_lists_languages_by_post(data: dict[str, str]) -> None:
    async with serving(keys=one_key("translate")) as url, httpx.AsyncClient(base_url=url) as client:
        assert (await post(url, "/languages", {"data": data})).json() == (
            await client.get("/languages")
        ).json()


async def test_a_client_that_asks_for_the_service_s_health_reads_ok() -> None:
    async with serving() as url, httpx.AsyncClient(base_url=url) as client:
        assert (await client.get("/health")).json() == {"status": "ok"}
