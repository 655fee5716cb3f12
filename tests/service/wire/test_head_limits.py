"""A request's head: how much of it is read, and which hosts are answered for."""

import pytest

from service.wire.head_limits import MAX_HEAD_BYTES, MAX_HEADERS
from tests.support.service.clients import client_of, server_of
from tests.support.service.fakes import FakeBackend
from tests.support.service.raw_http import connected

OURS = ("localhost", "127.0.0.1", "[::1]")


def head_of(*headers: str, host: str | None = "localhost", path: str = "/health") -> bytes:
    lines = [f"GET {path} HTTP/1.1", *headers]
    return "\r\n".join([*lines, *([] if host is None else [f"host: {host}"]), "", ""]).encode()


@pytest.mark.parametrize("extra", [0, 1])
async def test_the_headers_of_a_request_have_a_limit(extra: int) -> None:
    many = [f"x-{i}: y" for i in range(MAX_HEADERS - 1 + extra)]  # and the host
    padding = MAX_HEAD_BYTES - len("/health" + "host" + "localhost" + "x-long") + extra
    async with server_of(FakeBackend()) as client:
        for headers in (many, ["x-long: " + "y" * padding]):
            async with connected(client.base_url) as connection:
                await connection.send(head_of(*headers))
                answer = await connection.answer()
                assert answer is not None
                assert answer.status == (431 if extra else 200)
                if extra:
                    assert answer.json()["code"] == "head_too_large"
                    assert f"at most {MAX_HEADERS} headers" in answer.json()["error"]


@pytest.mark.parametrize("host", [*OURS, "LOCALHOST", "localhost.", "localhost:8000", "[::1]:80"])
def test_a_host_that_is_allowed_is_answered_for_at_any_port(host: str) -> None:
    client = client_of(allowed_hosts=OURS)
    assert client.get("/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "localhost.evil.example", "", ":80", "[::2]", "\xff"],
)
def test_another_host_is_not_answered_for(host: str) -> None:
    headers = {b"host": host.encode("latin-1")}
    response = client_of(allowed_hosts=OURS).get("/v1/models", headers=headers)
    assert (response.status_code, response.json()["code"]) == (421, "host_not_allowed")
    assert "`allowed_hosts`" in response.json()["error"]


async def test_a_request_without_a_host_comes_from_no_browser_and_is_answered() -> None:
    async with (
        server_of(FakeBackend(), allowed_hosts=OURS) as client,
        connected(client.base_url) as connection,
    ):
        await connection.send(head_of(host=None).replace(b"HTTP/1.1", b"HTTP/1.0"))
        answer = await connection.answer()
        assert answer is not None
        assert answer.status == 200


@pytest.mark.parametrize("hosts", [None, ("*",)])
def test_any_host_is_answered_for_unless_the_operator_names_some(
    hosts: tuple[str, ...] | None,
) -> None:
    client = client_of(allowed_hosts=hosts)
    assert client.get("/health", headers={"host": "evil.example"}).status_code == 200
