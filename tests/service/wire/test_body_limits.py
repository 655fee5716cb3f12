"""A body beyond its limits, of bytes, of time or of encoding, is refused in one sentence."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from tests.support.service.clients import Json, client_of, server_of
from tests.support.service.fakes import FakeBackend
from tests.support.service.raw_http import connected

BODY: Json = {"text": "Good morning to you.", "target_lang": "de", "source_lang": "en"}


def test_a_body_over_its_stated_length_is_refused() -> None:
    response = client_of(max_body_bytes=1_024).post(
        "/v1/translate", json={**BODY, "x": "y" * 1_024}
    )
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    assert "1024 bytes" in response.json()["error"]
    assert response.json()["request_id"] == response.headers["x-request-id"]


def test_a_body_within_the_limit_is_read() -> None:
    assert client_of(max_body_bytes=1_024).post("/v1/translate", json=BODY).status_code == 200


async def test_a_body_of_unstated_length_is_refused_over_a_socket() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield b" " * 1_000

    async with server_of(FakeBackend(), max_body_bytes=2_048) as client:
        response = await client.post(
            "/v1/translate", content=chunks(), headers={"content-type": "application/json"}
        )
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("states_length", [True, False])
def test_a_body_of_just_the_limit_is_read_and_one_byte_more_is_not(
    states_length: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    def post(num_bytes: int) -> int:
        body = json.dumps({**BODY, "text": ""}).encode()
        body += b" " * (num_bytes - len(body))  # JSON may end in blanks
        content = body if states_length else iter([body[:100], body[100:]])
        headers = {"content-type": "application/json"}
        client = client_of(max_body_bytes=1_024)
        return client.post("/v1/translate", content=content, headers=headers).status_code

    assert (post(1_024), post(1_025)) == (200, 413)


def half_a_request(path: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: 100\r\n\r\n{{".encode()


@pytest.mark.parametrize("path", ["/v1/translate", "/v1/detect"])
async def test_a_body_that_does_not_arrive_ends_with_the_connection(path: str) -> None:
    async with (
        server_of(FakeBackend(), body_timeout_s=0.05) as client,
        connected(client.base_url) as connection,
    ):
        await connection.send(half_a_request(path))
        answer = await connection.answer()
        assert answer is not None
        assert (answer.status, answer.json()["code"]) == (408, "body_timeout")
        assert "within 0.05 s" in answer.json()["error"]
        assert await connection.answer() is None


async def test_a_body_that_trickles_ends_like_one_that_does_not_arrive() -> None:
    async with (
        server_of(FakeBackend(), body_timeout_s=0.2) as client,
        connected(client.base_url) as connection,
    ):
        head = half_a_request("/v1/translate").replace(b"100", b"1000000")
        await connection.send(head)
        waiting = asyncio.create_task(connection.answer())
        while not waiting.done():
            await connection.send(b" ")
            await asyncio.sleep(0.005)
        answer = waiting.result()
        assert answer is not None
        assert answer.status == 408


async def test_the_time_of_a_body_is_not_that_of_its_answer() -> None:
    async with server_of(FakeBackend(pause_s=0.1), body_timeout_s=0.2) as client:
        for stream in (False, True):
            response = await client.post("/v1/translate", json={**BODY, "stream": stream})
            assert response.status_code == 200
            assert "GOOD MORNING TO YOU." in response.text


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "GZIP", "identity, gzip", "x y"])
def test_a_compressed_body_is_not_unpacked(encoding: str) -> None:
    response = client_of().post(
        "/v1/translate", content=b"\x1f\x8b", headers={"content-encoding": encoding}
    )
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_encoding")
    assert "bodies are read uncompressed only" in response.json()["error"]


def test_a_body_that_says_that_it_is_not_compressed_is_read() -> None:
    headers = {"content-encoding": "identity"}
    assert client_of().post("/v1/translate", json=BODY, headers=headers).status_code == 200
