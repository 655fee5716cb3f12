import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from loadtests.corpus import ABSTRACTS
from service.catalogue.catalogue import load_catalogue
from service.cluster.deployments import ModelServer
from service.settings import Settings


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """A replica with the bundled models, without Ray."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    replica = ModelServer(load_catalogue(), Settings(metrics_port=0, num_threads=1))
    yield replica
    replica.close()
    root.handlers = handlers
    root.setLevel(level)


def test_the_api_of_a_replica_answers_from_its_own_engines(server: ModelServer) -> None:
    with TestClient(server.__serve_build_asgi_app__()) as client:
        body = {"text": "Good morning.", "source_lang": "en", "target_lang": "de"}
        translated = client.post("/v1/translate", json=body)
        summarized = client.post("/v1/summarize", json={"text": ABSTRACTS[0]})
    assert "Morgen" in translated.raise_for_status().json()["translations"][0]["text"]
    assert summarized.raise_for_status().json()["summaries"][0]["text"]


def test_a_replica_has_the_glossaries_of_its_catalogue(tmp_path: Path) -> None:
    path = tmp_path / "dragoman.yaml"
    path.write_text(
        "models: [{name: m, path: bundled/translate, task: translation, pairs: [en-de],"
        " load: lazy}]\n"
        "glossaries: {product: {source_lang: en, target_lang: de, entries: {a: b}}}\n"
    )
    server = ModelServer(load_catalogue(path), Settings(metrics_port=0, num_threads=1))
    try:
        client = TestClient(server.__serve_build_asgi_app__())
        body = {"text": "Hi", "target_lang": "de", "source_lang": "en", "glossary": "other"}
        assert "the glossaries are product" in client.post("/v1/translate", json=body).text
    finally:
        server.close()


def test_an_autoscaler_is_told_what_runs_and_what_waits(server: ModelServer) -> None:
    assert server.record_autoscaling_stats() == {"running": 0, "waiting": 0, "cache_use": 0}


def test_a_replica_is_healthy_until_its_engines_end(server: ModelServer) -> None:
    server.check_health()
    server.close()
    with pytest.raises(RuntimeError, match="heartbeat"):
        server.check_health()
