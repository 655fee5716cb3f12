"""Is it alive, is it ready, what is it, how is it doing."""

import pytest

from tests.support.service.clients import client_of
from tests.support.service.fakes import FakeBackend


@pytest.mark.parametrize(
    ("backend", "health", "ready"),
    [
        pytest.param(FakeBackend(), 200, 200, id="well"),
        pytest.param(FakeBackend(ready=False), 200, 503, id="loading"),
        pytest.param(FakeBackend(alive=False), 503, 503, id="dead"),
    ],
)
def test_health_is_the_engine_s_and_readiness_the_models(
    backend: FakeBackend, health: int, ready: int
) -> None:
    client = client_of(backend)
    for ask in (client.get, client.head):  # some load balancers ask without wanting a body
        assert (ask("/health").status_code, ask("/ready").status_code) == (health, ready)


def test_info_names_the_models_and_limits() -> None:
    info = client_of(max_items=7).get("/info").json()
    assert info["models"] == ["fake/translate"]
    assert info["limits"]["max_items"] == 7


def test_metrics_count_requests_by_route_and_status() -> None:
    client = client_of()
    client.get("/nowhere/at/all")
    client.post("/v1/detect", json={"text": "Good morning."})
    text = client.get("/metrics").text
    assert 'dragoman_requests_total{route="/v1/detect",status="200"}' in text
    assert 'dragoman_requests_total{route="other",status="404"}' in text
    assert "nowhere" not in text


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_a_probe_with_a_wrong_method_is_told_to_get(path: str) -> None:
    response = client_of().post(path)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")
