"""Translations with glossaries that clients made, over DeepL's API and the native one."""

from collections.abc import Iterator
from contextlib import closing

import deepl
import httpx
import pytest
from deepl.api_data import MultilingualGlossaryDictionaryEntries as Dictionary

from service.catalogue.catalogue import load_catalogue
from service.hosting.local_backend import LocalBackend
from service.settings import Settings
from service.text.glossary import MAX_NAMED_ENTRIES
from tests.support.service.fakes import FakeBackend, same
from tests.support.service.glossary_services import (
    TIMEOUT_S,
    deepl_client,
    serving,
    translators,
)

TEXT = "The disk is full."
MISSING = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(FakeBackend(answer=same), max_body_bytes=8 << 20) as address:
        yield address


@pytest.fixture
def client(url: str) -> Iterator[deepl.DeepLClient]:
    with deepl_client(url) as found:
        yield found


def translate(client: deepl.DeepLClient, *ids: str, target: str = "DE", text: str = TEXT) -> str:
    result = client.translate_text(
        text, source_lang="EN", target_lang=target, glossary_ids=list(ids) or None
    )
    assert isinstance(result, deepl.TextResult)
    return result.text


def native(url: str, glossary: str, **fields: str) -> httpx.Response:
    body = {"text": TEXT, "target_lang": "de", "glossary": glossary, **fields}
    return httpx.post(f"{url}/v1/translate", json=body)


def test_a_translation_has_the_terms_of_its_glossary(client: deepl.DeepLClient) -> None:
    made = client.create_glossary("n", "EN", "DE", {"disk": "Platte"})
    for glossary in (made, made.glossary_id):
        result = client.translate_text(TEXT, source_lang="EN", target_lang="DE", glossary=glossary)
        assert isinstance(result, deepl.TextResult)
        assert result.text == "The Platte is full."
    result = client.translate_text_with_glossary(TEXT, made)
    assert isinstance(result, deepl.TextResult)
    assert result.text == "The Platte is full."


def test_a_dictionary_is_chosen_by_the_languages(client: deepl.DeepLClient) -> None:
    made = client.create_multilingual_glossary(
        "n",
        [Dictionary("EN", "DE", {"disk": "Platte"}), Dictionary("EN", "FR", {"disk": "disque"})],
    )
    for target, word in (("DE", "Platte"), ("FR", "disque")):
        result = client.translate_text(TEXT, source_lang="EN", target_lang=target, glossary=made)
        assert isinstance(result, deepl.TextResult)
        assert result.text == f"The {word} is full."


def test_a_region_of_the_target_does_not_matter(client: deepl.DeepLClient) -> None:
    made = client.create_glossary("n", "DE", "EN", {"Platte": "disk"})
    result = client.translate_text("Platte", source_lang="DE", target_lang="EN-GB", glossary=made)
    assert isinstance(result, deepl.TextResult)
    assert result.text == "disk"


def test_where_glossaries_disagree_the_first_one_counts(client: deepl.DeepLClient) -> None:
    one, two = (
        client.create_glossary("n", "EN", "DE", entries).glossary_id
        for entries in ({"disk": "Platte"}, {"disk": "Scheibe", "full": "voll"})
    )
    assert translate(client, one, two) == "The Platte is voll."
    assert translate(client, two, one) == "The Scheibe is voll."


def test_terms_that_are_written_alike_in_texts_are_one(client: deepl.DeepLClient) -> None:
    made = client.create_glossary("n", "EN", "DE", {"don't": "nicht", "don\u2019t": "nie"})
    assert translate(client, made.glossary_id, text="I don\u2019t go.") == "I nicht go."


def test_an_edit_counts_from_the_next_translation_on(client: deepl.DeepLClient) -> None:
    made = client.create_multilingual_glossary("n", [Dictionary("EN", "DE", {"disk": "Platte"})])
    assert translate(client, made.glossary_id) == "The Platte is full."
    new = Dictionary("EN", "DE", {"disk": "Scheibe"})
    client.update_multilingual_glossary_dictionary(made, new)
    assert translate(client, made.glossary_id) == "The Scheibe is full."
    client.delete_multilingual_glossary(made)
    with pytest.raises(deepl.DeepLException, match="there is no such glossary"):
        translate(client, made.glossary_id)


def test_a_glossary_that_is_not_there_is_not_found(client: deepl.DeepLClient) -> None:
    made = client.create_glossary("n", "EN", "DE", {"a": "b"}).glossary_id
    for ids in ([MISSING], [made, MISSING], ["name"]):
        with pytest.raises(deepl.DeepLException, match="there is no such glossary") as caught:
            translate(client, *ids)
        assert caught.value.http_status_code == 404


def test_a_glossary_for_other_languages_is_refused(client: deepl.DeepLClient) -> None:
    made = client.create_glossary("n", "EN", "DE", {"a": "b"}).glossary_id
    with pytest.raises(deepl.DeepLException, match="which is for en-de; not for 'EN-FR'") as caught:
        translate(client, made, target="FR")
    assert caught.value.http_status_code == 400


def test_glossaries_that_are_too_large_together_are_refused(
    client: deepl.DeepLClient, url: str
) -> None:
    num_entries = MAX_NAMED_ENTRIES // 2 + 1
    ids = []
    for half in "ab":
        entries = "\n".join(f"{half}{i}\tx" for i in range(num_entries))
        body = {"name": "n", "source_lang": "en", "target_lang": "de", "entries": entries}
        made = httpx.post(f"{url}/v2/glossaries", json=body, timeout=TIMEOUT_S)
        ids.append(made.json()["glossary_id"])
    with pytest.raises(deepl.DeepLException, match="has 100002 entries together; at most 100000"):
        translate(client, *ids)


def test_the_bundled_model_translates_with_a_glossary() -> None:
    backend = LocalBackend(load_catalogue().models[:1], Settings())
    with closing(backend), serving(backend) as url, deepl_client(url) as client:
        made = client.create_glossary("n", "EN", "DE", {"disk": "Scheibenspeicher"})
        assert "Scheibenspeicher" in translate(client, made.glossary_id)
        assert "Scheibenspeicher" not in translate(client)


def test_a_client_cannot_use_the_glossary_of_another() -> None:
    with (
        serving(FakeBackend(answer=same), keys=translators("one", "two")) as url,
        deepl_client(url, "one") as one,
        deepl_client(url, "two") as two,
    ):
        made = one.create_glossary("n", "EN", "DE", {"disk": "Platte"}).glossary_id
        assert translate(one, made) == "The Platte is full."
        with pytest.raises(deepl.DeepLException, match="there is no such glossary"):
            translate(two, made)


def test_the_native_api_takes_the_id_where_it_takes_a_name(
    client: deepl.DeepLClient, url: str
) -> None:
    made = client.create_glossary("n", "EN", "DE", {"disk": "Platte"}).glossary_id
    for fields in ({}, {"source_lang": "en"}, {"target_lang": "de-AT"}):
        (translation,) = native(url, made, **fields).json()["translations"]
        assert translation["text"] == "The Platte is full."


def test_the_native_api_asks_for_the_source_where_it_matters(
    client: deepl.DeepLClient, url: str
) -> None:
    made = client.create_multilingual_glossary(
        "n", [Dictionary("DE", "EN", {"Platte": "disk"}), Dictionary("FR", "EN", {"le": "the"})]
    )
    refused = native(url, made.glossary_id, target_lang="en")
    assert refused.status_code == 422
    assert refused.json()["message"].endswith(
        "which is for de-en, fr-en; `source_lang` chooses one of them"
    )
    body = {"text": "Platte", "source_lang": "de", "target_lang": "en"}
    (translation,) = native(url, made.glossary_id, **body).json()["translations"]
    assert translation["text"] == "disk"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"glossary": MISSING}, f"`glossary` is '{MISSING}'; the glossaries are none"),
        ({"target_lang": "fr"}, "which is for en-de; not to 'fr'"),
        ({"source_lang": "fr"}, "which is for en-de; not for 'fr-de'"),
    ],
)
def test_the_native_api_refuses_a_glossary_that_does_not_fit(
    client: deepl.DeepLClient, url: str, fields: dict[str, str], sentence: str
) -> None:
    made = client.create_glossary("n", "EN", "DE", {"disk": "Platte"}).glossary_id
    refused = native(url, **{"glossary": made, **fields})
    assert refused.status_code == 422
    assert sentence in refused.json()["message"]
