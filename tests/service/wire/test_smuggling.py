"""A request whose end can be read in two ways hides no second one."""

import pytest

from tests.support.service.clients import server_of
from tests.support.service.fakes import FakeBackend
from tests.support.service.raw_http import connected

HIDDEN = b"GET /health HTTP/1.1\r\nhost: a\r\nx-request-id: hidden\r\n\r\n"
LENGTH = b"content-length: %d" % len(HIDDEN)
LAST = b"GET /health HTTP/1.1\r\nhost: a\r\nx-request-id: last\r\nconnection: close\r\n\r\n"


def post(*headers: bytes, body: bytes = b"") -> bytes:
    head = (b"POST /v1/detect HTTP/1.1", b"host: a", b"x-request-id: first", *headers)
    return b"\r\n".join([*head, b"", body])


ONE_CHUNK_LESS = b"0\r\n\r\n" + HIDDEN

REQUESTS = {
    "two lengths": post(b"content-length: 0", LENGTH, body=HIDDEN),
    "two lengths in one": post(b"content-length: 0, %d" % len(HIDDEN), body=HIDDEN),
    "a length and chunks": post(
        b"content-length: 5", b"transfer-encoding: chunked", body=ONE_CHUNK_LESS
    ),
    "chunks and a length": post(
        b"transfer-encoding: chunked",
        b"content-length: %d" % len(ONE_CHUNK_LESS),
        body=ONE_CHUNK_LESS,
    ),
    "chunks twice": post(
        b"transfer-encoding: chunked", b"transfer-encoding: identity", body=ONE_CHUNK_LESS
    ),
    "another encoding than chunks": post(b"transfer-encoding: xchunked", body=ONE_CHUNK_LESS),
    "a blank before the colon": post(b"transfer-encoding : chunked", body=ONE_CHUNK_LESS),
    "a folded header": post(b"transfer-encoding:", b" chunked", body=ONE_CHUNK_LESS),
    "a folded length": post(b"x: y", b" " + LENGTH, body=HIDDEN),
    "a length with a sign": post(b"content-length: +0", body=HIDDEN),
    "a length below zero": post(b"content-length: -1", body=HIDDEN),
    "a length of another base": post(b"content-length: 0x0", body=HIDDEN),
    "a length of many digits": post(b"content-length: " + b"9" * 400, body=HIDDEN),
    "a size of a chunk that overflows": post(
        b"transfer-encoding: chunked", body=b"f" * 17 + b"\r\n" + HIDDEN
    ),
    "a line end without its half": post(b"x: y\ntransfer-encoding: chunked", body=ONE_CHUNK_LESS),
    "a NUL in a header": post(b"x: y\0", b"content-length: 0", body=HIDDEN),
    "a body after a question that has none": b"GET /health HTTP/1.1\r\nhost: a\r\n"
    b"x-request-id: first\r\n" + LENGTH + b"\r\n\r\n" + HIDDEN,
}


@pytest.mark.parametrize("raw", REQUESTS.values(), ids=REQUESTS)
async def test_no_hidden_request_is_answered(raw: bytes) -> None:
    async with (
        server_of(FakeBackend(), body_timeout_s=0.2) as client,
        connected(client.base_url) as connection,
    ):
        await connection.send(raw)
        await connection.send(LAST)
        ids = []
        while (answer := await connection.answer()) is not None:
            assert answer.status < 500
            ids.append(answer.headers.get("x-request-id"))
        assert "hidden" not in ids
        assert len(ids) <= 2
        assert (await client.get("/health")).status_code == 200
