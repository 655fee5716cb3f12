"""Glossaries with several pairs, made and edited by `DeepLClient`, and as Weblate asks for them."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import deepl
import httpx
import pytest
from deepl.api_data import MultilingualGlossaryDictionaryEntries as Dictionary
from deepl.api_data import MultilingualGlossaryInfo

from tests.support.service.glossary_services import deepl_client, serving

TO_GERMAN = {"save": "sichern", "disk": "Platte"}
TO_FRENCH = {"save": "enregistrer"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture
def client(url: str) -> Iterator[deepl.DeepLClient]:
    with deepl_client(url) as found:
        yield found


@pytest.fixture
def made(client: deepl.DeepLClient) -> MultilingualGlossaryInfo:
    return client.create_multilingual_glossary(
        "terms", [Dictionary("EN", "DE", TO_GERMAN), Dictionary("EN", "FR", TO_FRENCH)]
    )


def sizes(glossary: MultilingualGlossaryInfo) -> Mapping[tuple[str, str], int]:
    return {(d.source_lang, d.target_lang): d.entry_count for d in glossary.dictionaries}


def entries(
    client: deepl.DeepLClient, glossary: MultilingualGlossaryInfo, target: str
) -> dict[str, str]:
    answer = client.get_multilingual_glossary_entries(glossary, "EN", target)
    (dictionary,) = answer.dictionaries
    assert (dictionary.source_lang, dictionary.target_lang) == ("en", target.lower())
    return deepl.convert_tsv_to_dict(str(dictionary.entries))


def test_a_glossary_has_a_dictionary_for_each_pair(
    client: deepl.DeepLClient, made: MultilingualGlossaryInfo
) -> None:
    assert made.name == "terms"
    assert sizes(made) == {("EN", "DE"): 2, ("EN", "FR"): 1}
    again = client.get_multilingual_glossary(made.glossary_id)
    assert (sizes(again), again.creation_time) == (sizes(made), made.creation_time)
    listed = {each.glossary_id: each for each in client.list_multilingual_glossaries()}
    assert sizes(listed[made.glossary_id]) == sizes(made)
    assert entries(client, made, "DE") == TO_GERMAN
    assert entries(client, made, "FR") == TO_FRENCH


def test_a_new_name_leaves_the_entries(
    client: deepl.DeepLClient, made: MultilingualGlossaryInfo
) -> None:
    renamed = client.update_multilingual_glossary_name(made, "others")
    assert (renamed.name, sizes(renamed)) == ("others", sizes(made))
    assert renamed.creation_time == made.creation_time
    assert entries(client, made, "DE") == TO_GERMAN


def test_an_update_adds_entries_and_gives_those_that_are_there_new_targets(
    client: deepl.DeepLClient, made: MultilingualGlossaryInfo
) -> None:
    new = {"save": "speichern", "open": "öffnen"}
    updated = client.update_multilingual_glossary_dictionary(made, Dictionary("EN", "DE", new))
    assert sizes(updated) == {("EN", "DE"): 3, ("EN", "FR"): 1}
    assert entries(client, made, "DE") == {**TO_GERMAN, **new}
    updated = client.update_multilingual_glossary_dictionary_from_csv(made, "EN", "ES", "a,b")
    assert sizes(updated) == {("EN", "DE"): 3, ("EN", "FR"): 1, ("EN", "ES"): 1}


def test_a_replaced_dictionary_has_the_new_entries_only(
    client: deepl.DeepLClient, made: MultilingualGlossaryInfo
) -> None:
    size = client.replace_multilingual_glossary_dictionary(made, Dictionary("EN", "DE", {"a": "b"}))
    assert (size.source_lang, size.target_lang, size.entry_count) == ("EN", "DE", 1)
    assert entries(client, made, "DE") == {"a": "b"}
    assert entries(client, made, "FR") == TO_FRENCH
    client.replace_multilingual_glossary_dictionary_from_csv(made, "EN", "ES", "c,d")
    assert entries(client, made, "ES") == {"c": "d"}


def test_a_deleted_dictionary_leaves_the_others(
    client: deepl.DeepLClient, made: MultilingualGlossaryInfo
) -> None:
    client.delete_multilingual_glossary_dictionary(made, source_lang="EN", target_lang="DE")
    assert sizes(client.get_multilingual_glossary(made.glossary_id)) == {("EN", "FR"): 1}
    with pytest.raises(deepl.GlossaryNotFoundException, match="it is not for en-de"):
        entries(client, made, "DE")
    with pytest.raises(deepl.GlossaryNotFoundException, match="it is not for en-de"):
        client.delete_multilingual_glossary_dictionary(made, made.dictionaries[0])
    client.delete_multilingual_glossary_dictionary(made, made.dictionaries[1])
    assert sizes(client.get_multilingual_glossary(made.glossary_id)) == {}


def test_a_deleted_glossary_is_gone(
    client: deepl.DeepLClient, made: MultilingualGlossaryInfo
) -> None:
    client.delete_multilingual_glossary(made)
    dictionary = Dictionary("EN", "DE", TO_GERMAN)
    for call in (
        lambda: client.get_multilingual_glossary(made.glossary_id),
        lambda: client.delete_multilingual_glossary(made),
        lambda: client.update_multilingual_glossary_name(made, "a"),
        lambda: client.update_multilingual_glossary_dictionary(made, dictionary),
        lambda: client.replace_multilingual_glossary_dictionary(made, dictionary),
        lambda: client.delete_multilingual_glossary_dictionary(made, made.dictionaries[0]),
        lambda: entries(client, made, "DE"),
    ):
        with pytest.raises(deepl.GlossaryNotFoundException, match="there is no such glossary"):
            call()


def test_both_versions_show_a_glossary_with_one_pair(client: deepl.DeepLClient) -> None:
    old = client.create_glossary("old", "EN", "DE", TO_GERMAN)
    new = client.create_multilingual_glossary_from_csv("new", "EN", "DE", "save,sichern")
    assert client.get_glossary(new.glossary_id).entry_count == 1
    assert sizes(client.get_multilingual_glossary(old.glossary_id)) == {("EN", "DE"): 2}
    ids = {old.glossary_id, new.glossary_id}
    assert ids <= {each.glossary_id for each in client.list_glossaries()}
    assert ids <= {each.glossary_id for each in client.list_multilingual_glossaries()}


def test_the_older_version_shows_no_glossary_with_several_pairs(
    client: deepl.DeepLClient, made: MultilingualGlossaryInfo
) -> None:
    assert made.glossary_id not in {each.glossary_id for each in client.list_glossaries()}
    for call in (client.get_glossary, client.get_glossary_entries, client.delete_glossary):
        with pytest.raises(deepl.GlossaryNotFoundException):
            call(made.glossary_id)
    assert sizes(client.get_multilingual_glossary(made.glossary_id)) == sizes(made)


def test_edits_at_the_same_time_are_all_made(
    client: deepl.DeepLClient, made: MultilingualGlossaryInfo
) -> None:
    added = [{f"term {i}": f"Wort {i}"} for i in range(20)]

    def add(new: dict[str, str]) -> None:
        client.update_multilingual_glossary_dictionary(made, Dictionary("EN", "DE", new))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, added))
    expected = dict(TO_GERMAN)
    for new in added:
        expected.update(new)
    assert entries(client, made, "DE") == expected


def test_a_stale_glossary_is_replaced_and_renamed_as_weblate_does(url: str) -> None:
    glossaries = f"{url}/v3/glossaries"
    dictionary = {"source_lang": "en", "target_lang": "de", "entries_format": "tsv"}
    new = {"name": "weblate:1:EN:DE:1", "dictionaries": [{**dictionary, "entries": "a\tb\r\n"}]}
    assert httpx.post(glossaries, json=new).status_code == 201

    def ids() -> dict[str, str]:
        found = httpx.get(glossaries).json()["glossaries"]
        return {each["name"]: each["glossary_id"] for each in found}

    id_ = ids()["weblate:1:EN:DE:1"]
    put = httpx.put(f"{glossaries}/{id_}/dictionaries", json={**dictionary, "entries": "c\td"})
    assert put.json() == {"source_lang": "en", "target_lang": "de", "entry_count": 1}
    assert httpx.patch(f"{glossaries}/{id_}", json={"name": "weblate:1:EN:DE:2"}).status_code == 200
    assert ids()["weblate:1:EN:DE:2"] == id_
    assert httpx.delete(f"{glossaries}/{id_}").status_code == 204
    assert httpx.delete(f"{glossaries}/{id_}").status_code == 404
