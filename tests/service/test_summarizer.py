"""From `POST /v1/summarize` and `dragoman summarize` to text: a real engine, a tiny BART."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.api.create import create_api
from service.catalogue.catalogue import load_catalogue
from service.hosting.local_backend import LocalBackend
from service.settings import Settings
from tests.support.checkpoints.factories import bart_config, write_checkpoint
from tests.support.checkpoints.tokenizers import make_sentences, write_bart_tokenizer
from tests.support.service.clients import sse_events

CATALOGUE = """
models:
  - name: tiny/summarize
    path: bart
    task: summarization
    defaults: {max_new_tokens: 12}
"""
COMMAND = "from service.cli.main import main; main()"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("summarizer")
    bart = write_bart_tokenizer(
        folder / "bart", sentences=make_sentences(count=300), vocab_size=300
    )
    write_checkpoint(bart, bart_config(vocab_size=300, max_position_embeddings=64))
    path = folder / "dragoman.yaml"
    path.write_text(CATALOGUE)
    return path


@pytest.fixture(scope="module")
def client(catalogue: Path) -> Iterator[TestClient]:
    settings = Settings(dtype="float32", num_threads=1)
    backend = LocalBackend(load_catalogue(catalogue).models, settings)
    yield TestClient(create_api(backend, settings))
    backend.close()


def test_a_text_is_answered_with_its_summary(client: TestClient) -> None:
    body = {"text": "The river was high. The old bridge did not hold.", "return": ["scores"]}
    answer = client.post("/v1/summarize", json=body).json()
    assert answer["model"] == "tiny/summarize"
    (summary,) = answer["summaries"]
    assert summary["text"]
    assert summary["score"] < 0
    assert 0 < answer["usage"]["output_tokens"] <= 12


def test_streamed_pieces_are_the_summary(client: TestClient) -> None:
    body = {"text": "The river was high. The old bridge did not hold.", "num_beams": 1}
    whole = client.post("/v1/summarize", json=body).json()["summaries"][0]["text"]
    events = sse_events(client.post("/v1/summarize", json={**body, "stream": True}).text)
    assert "".join(data["text"] for name, data in events if name == "token") == whole
    assert events[-1][1]["summaries"][0]["text"] == whole


def test_a_text_longer_than_the_model_reads_is_summarized_by_parts(client: TestClient) -> None:
    limit = client.get("/v1/models").json()["models"][0]["max_input_tokens"]
    text = " ".join(["The old bridge did not hold."] * limit)
    answer = client.post("/v1/summarize", json={"text": text}).json()
    assert answer["summaries"][0]["text"]
    assert answer["usage"]["input_tokens"] > limit


def test_the_command_gives_the_service_s_summary(client: TestClient, catalogue: Path) -> None:
    text = "The river was high. The old bridge did not hold."
    served = client.post("/v1/summarize", json={"text": text}).json()["summaries"][0]["text"]
    arguments = ["summarize", "-", "--catalogue", str(catalogue), "--dtype", "float32", "--json"]
    result = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", COMMAND, *arguments],
        input=text,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(result.stdout)["text"] == served


def test_translation_is_not_offered(client: TestClient) -> None:
    response = client.post("/v1/translate", json={"text": "river", "target_lang": "de"})
    assert response.status_code == 404
    assert response.json()["code"] == "task_not_served"
