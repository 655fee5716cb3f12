"""The limits of a client hold for its glossaries, too."""

import httpx
import pytest

from service.access.clients import Allowance
from tests.support.service.glossary_services import serving
from tests.support.service.key_rings import limited_keys

KEY = "a"
HEADERS = {"authorization": f"DeepL-Auth-Key {KEY}"}
GLOSSARY = {
    "name": "n",
    "source_lang": "en",
    "target_lang": "de",
    "entries": "disk\tPlatte",
    "entries_format": "tsv",
}


def test_requests_for_glossaries_count_among_those_of_a_minute() -> None:
    keys = limited_keys({KEY: Allowance(requests_per_minute=2)})
    with serving(keys=keys) as url, httpx.Client(base_url=url, headers=HEADERS) as client:
        assert client.post("/v2/glossaries", json=GLOSSARY).status_code == 201
        assert client.get("/v3/glossaries").status_code == 200
        refused = client.post("/v2/glossaries", json=GLOSSARY)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/v2/translate", HEADERS, {"text": ["A disk."], "glossary_id": "x"}, 456),
        (
            "/v1/translate",
            {"authorization": f"Bearer {KEY}"},
            {"text": "A disk.", "glossary": "x"},
            429,
        ),
    ],
)
def test_a_client_without_characters_is_told_so_before_its_glossary_is_looked_for(
    path: str, headers: dict[str, str], body: dict[str, object], status: int
) -> None:
    keys = limited_keys({KEY: Allowance(characters_per_month=1)})
    languages = {"source_lang": "en", "target_lang": "de"}
    with serving(keys=keys) as url:
        refused = httpx.post(f"{url}{path}", headers=headers, json=body | languages)
    assert (refused.status_code, refused.json()["code"]) == (status, "quota_exceeded")
