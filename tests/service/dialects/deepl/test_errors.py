"""Every kind of error through the package `deepl`: its own exception, with our sentence in it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import deepl
import pytest
from structlog.testing import capture_logs

from service.errors import StoreError
from tests.support.service.clients import Json
from tests.support.service.deepl_clients import Call, asking, deepl_server, key_ring, translating
from tests.support.service.fakes import SUMMARIZER, FakeBackend


async def failures(
    calls: Sequence[Call[object]], backend: FakeBackend | None = None, **given: Any
) -> list[str]:
    """Return kind, status and sentence of calls that must fail with the package's own exception."""
    found = []
    async with asking(backend, **given) as ask:
        for call in calls:
            with pytest.raises(deepl.DeepLException) as caught:
                await ask(call)
            error = caught.value
            found.append(f"{type(error).__name__} {error.http_status_code}: {error}")
    return found


async def failure(call: Call[object], backend: FakeBackend | None = None, **given: Any) -> str:
    """Return kind, status and sentence of a call that must fail."""
    (found,) = await failures([call], backend, **given)
    return found


BAD_REQUESTS: list[tuple[Call[object], str]] = [
    (translating(target_lang="XX"), "`target_lang` is 'XX'; the languages served are en,"),
    (translating(source_lang="TLH"), "`source_lang` is 'TLH'; the languages served are en,"),
    (translating(source_lang="FR"), "no model translates fr-de"),
    (translating([]), "`text` must have at least 1 entries"),
    (translating(["a"] * 51), "`text` must have at most 50 entries"),
    (translating(formality="more"), "`formality` is 'more'; it must be 'default',"),
    (translating(formality="less"), "`formality` is 'less'; it must be 'default',"),
    (translating(tag_handling="md"), "`tag_handling` is 'md'; it must be 'html' or 'xml'"),
    (translating(split_sentences="2"), "`split_sentences` is '2'; it must be "),
    (translating(style_rule="a"), "`style_id` is not offered"),
    (translating(custom_instructions=["Be brief."]), "`custom_instructions` is not offered"),
    (translating(translation_memory="a"), "`translation_memory_id` is not offered"),
    (
        lambda client: client.translate_document_upload("x", filename="a.txt", target_lang="DE"),
        "documents are not offered",
    ),
    (
        lambda client: client.translate_document_get_status(deepl.DocumentHandle("a", "b")),
        "documents are not offered",
    ),
    (lambda client: client.rephrase_text("Hello"), "is not offered"),
    (lambda client: client.correct_text("Hello"), "is not offered"),
]
EVERYTHING: list[Call[object]] = [
    translating(),
    lambda client: client.get_usage(),
    lambda client: client.get_source_languages(),
    lambda client: client.get_target_languages(),
    lambda client: client.rephrase_text("Hello"),
    lambda client: client.translate_document_upload("x", filename="a.txt", target_lang="DE"),
]


async def test_a_wrong_key_is_refused() -> None:
    for found in await failures(EVERYTHING, key="of somebody else", keys=key_ring()):
        assert found.startswith("AuthorizationException 403: ")
        assert found.endswith("the API key is not valid")


async def test_a_missing_key_is_refused() -> None:
    async with deepl_server(keys=key_ring()) as server:
        response = await server.get("/v2/usage")
    assert response.status_code == 403
    assert response.json()["message"] == "an API key is required"


async def test_a_key_for_summaries_does_not_translate() -> None:
    found = await failure(translating(), keys=key_ring("summarize"))
    assert found.startswith("AuthorizationException 403: ")
    assert "lacks the scope translate" in found


async def test_what_cannot_be_answered_is_a_bad_request() -> None:
    found = await failures([call for call, _ in BAD_REQUESTS])
    for each, (_, sentence) in zip(found, BAD_REQUESTS, strict=True):
        assert each.startswith("DeepLException 400: Bad request, message: ")
        assert sentence in each


async def test_a_service_without_translation_is_a_bad_request() -> None:
    found = await failure(translating(), FakeBackend(served=(SUMMARIZER,)))
    assert found.startswith("DeepLException 400: ")


async def test_a_route_that_does_not_exist_is_not_found() -> None:
    calls: list[Call[object]] = [
        lambda client: client.get_all_style_rules(),
        lambda client: client.list_translation_memories(),
    ]
    for found in await failures(calls):
        assert found.startswith("DeepLException 404: Not found, message: ")


async def test_too_long_a_text_is_too_large() -> None:
    found = await failure(translating("a" * 60_000))
    assert found.startswith("DeepLException 413: ")
    assert "`text` has 60000 characters together; at most 50000 are allowed" in found


async def test_too_large_a_body_is_too_large() -> None:
    found = await failure(translating(context="a" * (1 << 20)))
    assert found.startswith("DeepLException 413: ")


async def test_a_full_queue_asks_to_come_back() -> None:
    found = await failure(translating(), FakeBackend(places=0))
    assert found.startswith("TooManyRequestsException 429: ")
    async with deepl_server(FakeBackend(places=0)) as server:
        response = await server.post("/v2/translate", json={"text": ["Hi"], "target_lang": "DE"})
    assert int(response.headers["retry-after"]) >= 1


async def test_too_many_requests_of_a_key_ask_to_come_back() -> None:
    async with asking(keys=key_ring(requests_per_minute=1)) as ask:
        await ask(translating())
        with pytest.raises(deepl.TooManyRequestsException, match="1 requests a minute"):
            await ask(translating())


async def test_a_used_up_quota_is_told() -> None:
    found = await failure(translating("Hello"), keys=key_ring(characters_per_month=4))
    assert found.startswith("QuotaExceededException 456: ")
    assert "4 characters a month" in found


async def test_a_deadline_that_passes_is_told() -> None:
    found = await failure(translating(), FakeBackend(gate=asyncio.Event()), default_timeout_ms=20)
    assert found.startswith("DeepLException 504: ")


@pytest.mark.parametrize(
    ("error", "status"), [(RuntimeError("broken"), 500), (StoreError("the store is away"), 503)]
)
async def test_a_fault_is_told_without_its_details(error: Exception, status: int) -> None:
    with capture_logs():
        found = await failure(translating(), FakeBackend(error=error))
    assert found.startswith(f"DeepLException {status}: ")
    assert "broken" not in found
    assert "Hello" not in found


async def test_the_client_s_own_retry_is_answered_once_there_is_room() -> None:
    class FullAtFirst(FakeBackend):
        def num_free_places(self, model: str) -> int:
            free, self.places = super().num_free_places(model), 1
            return free

    async with asking(FullAtFirst(places=0), retries=1) as ask:
        assert str(await ask(translating())) == "HELLO"


async def test_every_value_of_an_error_is_a_string() -> None:
    async with deepl_server() as server:
        answers = [
            await server.post("/v2/translate"),
            await server.post("/v2/translate", content=b"{", headers={"x-request-id": "r-1"}),
            await server.get("/v2/translate"),
            await server.get("/v3/languages"),
            await server.get("/v2/document"),
            await server.get("/v3/nothing"),
        ]
    for response in answers:
        body: Json = response.json()
        assert set(body) == {"message", "error", "error_type", "code", "request_id"}
        assert all(isinstance(value, str) for value in body.values())
        assert body["message"] == body["error"]
        assert body["request_id"] == response.headers["x-request-id"]
    assert [response.status_code for response in answers] == [400, 400, 405, 400, 400, 404]
