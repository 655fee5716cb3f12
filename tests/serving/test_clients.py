"""Clients of other services talk to the whole service: HAProxy, replicas, the bundled models."""

import deepl
import httpx
import huggingface_hub
import numpy as np
import pytest
from libretranslatepy import LibreTranslateAPI
from tritonclient.http import InferenceServerClient, InferInput

from tests.support.service.running import RunningService

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

TEXT = "When does the next train leave?"


@pytest.fixture
def expected(service: RunningService) -> str:
    """The native API's translation."""
    body = {"text": TEXT, "source_lang": "en", "target_lang": "de"}
    answer = httpx.post(f"{service.url}/v1/translate", json=body, timeout=60).raise_for_status()
    text: str = answer.json()["translations"][0]["text"]
    return text


def test_deepl_gives_the_native_translation(service: RunningService, expected: str) -> None:
    client = deepl.DeepLClient("any", server_url=service.url)
    answer = client.translate_text(TEXT, source_lang="EN", target_lang="DE")
    assert isinstance(answer, deepl.TextResult)
    assert answer.text == expected


def test_deepls_glossary_is_used_by_every_replica(service: RunningService) -> None:
    client = deepl.DeepLClient("any", server_url=service.url)
    glossary = client.create_glossary("rail", "EN", "DE", {"train": "Schienenbus"})
    try:
        for _ in range(6):
            answer = client.translate_text(
                TEXT, source_lang="EN", target_lang="DE", glossary=glossary
            )
            assert isinstance(answer, deepl.TextResult)
            assert "Schienenbus" in answer.text
    finally:
        client.delete_glossary(glossary)


def test_libretranslatepy_gives_the_native_translation(
    service: RunningService, expected: str
) -> None:
    assert LibreTranslateAPI(service.url).translate(TEXT, "en", "de") == expected


def test_hugging_faces_client_gives_the_native_translation(
    service: RunningService, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    client = huggingface_hub.InferenceClient(model=f"{service.url}/models/bundled/translate")
    answer = client.translation(TEXT, src_lang="en", tgt_lang="de")
    assert answer.translation_text == expected


def test_tritons_client_gives_the_native_translation(
    service: RunningService, expected: str
) -> None:
    client = InferenceServerClient(service.url.removeprefix("http://"))
    tensor = InferInput("text", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([TEXT.encode()], dtype=np.object_))
    answer = client.infer(
        "bundled/translate", [tensor], parameters={"source_lang": "en", "target_lang": "de"}
    )
    (text,) = answer.as_numpy("text").tolist()
    assert text.decode() == expected
