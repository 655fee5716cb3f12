"""Texts that people really send, through the API and the bundled translator.

Each case holds whatever words the model finds: what must be copied, what must not be lost, and
which texts must be read alike.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from loadtests.pages import page
from service.api.create import create_api
from service.catalogue.catalogue import load_catalogue
from service.hosting.local_backend import LocalBackend
from service.settings import Settings
from tests.support.service.clients import Json

CASES: list[Json] = json.loads(
    (Path(__file__).parents[1] / "support/text/cases.json").read_text(encoding="utf-8")
)
TAG = re.compile(r"<[^>]*>")


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    settings = Settings()
    backend = LocalBackend(load_catalogue().models[:1], settings)
    with TestClient(create_api(backend, settings)) as client:
        yield client
    backend.close()


def answer(client: TestClient, case: Json, text: object, **fields: object) -> Json:
    body = {"text": text, "source_lang": case["source"], "target_lang": case["target"], **fields}
    response = client.post("/v1/translate", json=body)
    found: Json = {"status": response.status_code}
    if response.status_code == 200:
        found["text"] = response.json()["translations"][0]["text"]
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['kind']}: {case['text']}"[:60])
def test_a_real_text_comes_back_whole(client: TestClient, case: Json) -> None:
    found, check, source = answer(client, case, case["text"]), case["check"], case["text"]
    assert found["status"] == check.get("status", 200)
    if found["status"] != 200:
        return
    text: str = found["text"]
    for part in check.get("copies", []):
        assert text.count(part) == source.count(part)
    for part, number in check.get("count", {}).items():
        assert text.count(part) == number
    for line, beginning in zip(text.splitlines(), check.get("lines", []), strict=False):
        assert line.startswith(beginning)
    assert not [part for part in check.get("absent", []) if part in text]
    assert text == check.get("equals", text)
    assert not check.get("upper") or text == text.upper()
    if "same_as" in check:
        assert text == answer(client, case, check["same_as"])["text"]


def test_a_page_keeps_every_tag(client: TestClient) -> None:
    source = page(1)
    case = {"source": "en", "target": "de"}
    text: str = answer(client, case, source, format="html", num_beams=1)["text"]
    assert text != source
    assert Counter(TAG.findall(text)) == Counter(TAG.findall(source))


def test_links_of_real_words_are_spans_of_both_texts(client: TestClient) -> None:
    source = "The dog sees the cat."
    body = {"text": source, "target_lang": "de", "source_lang": "en", "return": ["alignment"]}
    (item,) = client.post("/v1/translate", json=body).json()["translations"]
    pairs = {(source[a:b], item["text"][c:d]) for a, b, c, d, _ in item["alignment"]}
    assert {("dog", "Hund"), ("cat", "Katze")} <= pairs
