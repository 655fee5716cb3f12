"""Web pages of other origins may call the API only where the operator allows theirs."""

import pytest

from tests.support.service.clients import client_of
from tests.support.service.fakes import FakeBackend

ORIGIN = "https://example.com"
PREFLIGHT = {
    "origin": ORIGIN,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
}
ALLOW = "access-control-allow-origin"
PATHS = ["/v1/translate", "/translate", "/v2/translate", "/models/a", "/v2/models/a/infer"]


def test_no_other_origin_is_allowed_unless_it_is_set() -> None:
    client = client_of()
    response = client.get("/health", headers={"origin": ORIGIN})
    assert not [name for name in response.headers if name.startswith("access-control")]
    assert client.options("/v1/translate", headers=PREFLIGHT).status_code == 405


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("origins", [(ORIGIN,), ("*",)])
def test_a_browser_may_send_a_key_and_json_to_every_dialect(
    path: str, origins: tuple[str, ...]
) -> None:
    response = client_of(allowed_origins=origins).options(path, headers=PREFLIGHT)
    assert response.status_code == 200
    assert response.headers[ALLOW] in {ORIGIN, "*"}
    assert "authorization" in response.headers["access-control-allow-headers"]
    assert "POST" in response.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize("path", [*PATHS, "/nowhere"])
def test_a_page_can_read_errors_too(path: str) -> None:
    client = client_of(FakeBackend(error=RuntimeError("broken")), allowed_origins=(ORIGIN,))
    body = {"text": "Hello", "target_lang": "de", "source_lang": "en"}
    response = client.post(path, json=body, headers={"origin": ORIGIN})
    assert response.status_code >= 400
    assert response.headers[ALLOW] == ORIGIN
    assert "retry-after" in response.headers["access-control-expose-headers"]


def test_another_origin_than_those_allowed_gets_no_leave() -> None:
    client = client_of(allowed_origins=(ORIGIN,))
    headers = {**PREFLIGHT, "origin": "https://evil.example"}
    assert ALLOW not in client.options("/v1/translate", headers=headers).headers
    assert ALLOW not in client.get("/health", headers=headers).headers
