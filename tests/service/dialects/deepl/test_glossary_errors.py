"""Glossaries that cannot be, refused so that the package `deepl` can tell why."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import deepl
import httpx
import pytest
from deepl.api_data import MultilingualGlossaryDictionaryEntries as Dictionary

from service.storage.sqlite_store import SqliteStore
from service.tasks.glossary_documents import MAX_GLOSSARIES
from service.tasks.stored_glossaries import StoredGlossaries
from service.text.glossary import MAX_NAMED_ENTRIES
from tests.support.service.glossary_services import TIMEOUT_S, deepl_client, serving, translators

MISSING = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(max_body_bytes=32 << 20) as address:
        yield address


def refused(url: str, entries: object, format_: str = "tsv", **fields: object) -> str:
    """Return the sentence that refuses a new glossary, the same in either version."""
    dictionary = {"source_lang": "EN", "target_lang": "DE", **fields}
    dictionary = {**dictionary, "entries": entries, "entries_format": format_}
    with httpx.Client(base_url=url, timeout=TIMEOUT_S) as client:
        old = client.post("/v2/glossaries", json={"name": "n", **dictionary})
        new = client.post("/v3/glossaries", json={"name": "n", "dictionaries": [dictionary]})
    assert (old.status_code, new.status_code) == (400, 400), old.text
    sentence: str = old.json()["message"]
    assert new.json()["message"].replace("dictionaries[0].", "") == sentence
    return sentence


@pytest.mark.parametrize(
    ("entries", "mistake"),
    [
        ("a\tb\na\tc", "the source term of line 1 again in line 2"),
        ("a\tb\n\n a \tc", "the source term of line 1 again in line 3"),
        ("\tb", "a mistake in line 1: its source term is empty"),
        ("a\t", "a mistake in line 1: its target term is empty"),
        ("a\tb\n \t ", "a mistake in line 2: its source term is empty"),
        ("a\t\u200b", "a mistake in line 1: its target term is empty"),
        ("save", "a mistake in line 1: it has 1 columns"),
        ("a\tb\tc", "a mistake in line 1: it has 3 columns"),
        ("a\x00\tb", "a mistake in line 1: its source term has a control character"),
        ("a\tb\x85c", "a mistake in line 1: its target term has a control character"),
        ("a\tb\u2028c", "a mistake in line 1: its target term has a control character"),
        ("a\rb\tc", "a mistake in line 1: its source term has a control character"),
        (f"a\t{'b' * 1025}", "its target term has 1025 characters; at most 1024 are allowed"),
        ("\n \r\n", "has no entry; it must have at least one"),
        ("", "must have at least 1 characters"),
        (7, "must be a string"),
        (None, "must be a string"),
        (["a\tb"], "must be a string"),
    ],
)
def test_entries_that_cannot_be_are_refused(url: str, entries: object, mistake: str) -> None:
    sentence = refused(url, entries)
    assert sentence.startswith("`entries` ")
    assert mistake in sentence


@pytest.mark.parametrize(
    ("entries", "mistake"),
    [
        ('"a\n', "a mistake in line 1: unexpected end of data"),
        ('"a\nb",c', "line 2: its source term has a control character"),
        ('"a"b,c', "a mistake in line 1: ',' expected after '\"'"),
        ("a,b,en", "a mistake in line 1: it has 3 columns"),
        ("a,b\nc,d,en,fr", "a mistake in line 2: its languages are 'en'-'fr', not en-de"),
        (",", "a mistake in line 1: its source term is empty"),
        ("a,b\na,c", "the source term of line 1 again in line 2"),
    ],
)
def test_comma_separated_values_that_cannot_be_are_refused(
    url: str, entries: str, mistake: str
) -> None:
    assert mistake in refused(url, entries, "csv")


@pytest.mark.parametrize(
    ("fields", "mistake"),
    [
        ({"target_lang": "XX"}, "`target_lang` is 'XX'; the languages served are"),
        ({"source_lang": "TLH"}, "`source_lang` is 'TLH'; the languages served are"),
        ({"source_lang": "FR"}, "no model translates fr-de"),
        ({"source_lang": "DE"}, "no model translates de-de"),
        ({"source_lang": 7}, "`source_lang` is 7; it must be a string"),
        ({"source_lang": ""}, "`source_lang` is ''; it must have at least 1 characters"),
        ({"format_": "xml"}, "`entries_format` is 'xml'; it must be 'tsv' or 'csv'"),
    ],
)
def test_a_dictionary_that_cannot_be_is_refused(
    url: str, fields: dict[str, Any], mistake: str
) -> None:
    assert mistake in refused(url, "a\tb", **fields)


def test_terms_are_not_in_the_errors_about_them(url: str) -> None:
    for entries in ("geheim\tb\ngeheim\tc", "geheim", "geheim\x00\tb", f"{'geheim' * 200}\tb"):
        assert "geheim" not in refused(url, entries)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize(
    ("body", "mistake"),
    [
        ({"name": "", "dictionaries": []}, "`name` is ''; it must have at least 1 characters"),
        ({"name": "n" * 1025, "dictionaries": []}, "`name` is a text of 1025 characters; it must"),
        ({"name": "n", "dictionaries": [1] * 1000}, "`dictionaries[0]` is 1; it must be an object"),
        ({"name": "n", "dictionaries": "a"}, "`dictionaries` is 'a'; it must be a list"),
        ({"name": "n", "dictionaries": [{}]}, "`dictionaries[0].source_lang` is required"),
    ],
)
def test_a_body_that_does_not_fit_is_refused(
    url: str, method: str, body: object, mistake: str
) -> None:
    path = "/v3/glossaries" if method == "POST" else f"/v3/glossaries/{MISSING}"
    response = httpx.request(method, url + path, json=body)
    assert response.status_code == 400
    assert mistake in response.json()["message"]


def test_a_glossary_without_a_dictionary_is_refused(url: str) -> None:
    response = httpx.post(f"{url}/v3/glossaries", json={"name": "n", "dictionaries": []})
    assert response.status_code == 400
    assert "`dictionaries` is of type list; it must have at least 1" in response.json()["message"]


def test_an_edit_that_changes_nothing_is_refused(url: str) -> None:
    response = httpx.patch(f"{url}/v3/glossaries/{MISSING}", json={})
    assert response.status_code == 400
    assert response.json()["message"] == "`name` is required, or `dictionaries`"


def test_a_pair_has_one_dictionary(url: str) -> None:
    two = [Dictionary("EN", "DE", {"a": "b"}), Dictionary("EN-GB", "DE", {"c": "d"})]
    with deepl_client(url) as client, pytest.raises(deepl.DeepLException) as caught:
        client.create_multilingual_glossary("n", two)
    assert "Bad request" in str(caught.value)
    assert "`dictionaries[1]` is for en-de, as one before it" in str(caught.value)


@pytest.mark.parametrize("id_", [MISSING, "a", "%2e%2e", "%00", "%ff", "a b", "x" * 5_000, "'; --"])
def test_an_id_that_is_none_is_not_found(url: str, id_: str) -> None:
    for path in (f"/v2/glossaries/{id_}", f"/v3/glossaries/{id_}", f"/v2/glossaries/{id_}/entries"):
        response = httpx.get(url + path)
        assert response.status_code == 404
        assert isinstance(response.json()["message"], str)


def test_entries_are_of_a_pair_that_is_named(url: str) -> None:
    for method, what in (("GET", "entries"), ("DELETE", "dictionaries")):
        response = httpx.request(method, f"{url}/v3/glossaries/{MISSING}/{what}?source_lang=en")
        assert response.status_code == 400
        assert response.json()["message"] == "`target_lang` is required"


def test_a_dictionary_has_a_limit_of_entries(url: str) -> None:
    most = "\n".join(f"{i}\tx" for i in range(MAX_NAMED_ENTRIES))
    assert "has more than 100000 entries" in refused(url, f"{most}\nand\tone")
    body = {"name": "n", "source_lang": "en", "target_lang": "de", "entries": most}
    made = httpx.post(f"{url}/v2/glossaries", json=body, timeout=TIMEOUT_S)
    assert made.json()["entry_count"] == MAX_NAMED_ENTRIES
    one = f"{url}/v3/glossaries/{made.json()['glossary_id']}"
    more = [{"source_lang": "en", "target_lang": "de", "entries": "and\tone"}]
    response = httpx.patch(one, json={"dictionaries": more}, timeout=TIMEOUT_S)
    assert response.status_code == 400
    assert "`entries` has 100001 entries together" in response.json()["message"]
    assert httpx.get(one).json()["dictionaries"][0]["entry_count"] == MAX_NAMED_ENTRIES


@pytest.mark.parametrize(
    ("entries", "mistake"),
    [
        ("\n".join(f"{'a ' * 500}{i}\tx" for i in range(501)), "words, blanks and signs"),
        ("\n".join(f"{i}\t{'x' * 1_000}" for i in range(10_500)), "bytes together; at most"),
    ],
)
def test_a_glossary_has_a_limit_of_size(url: str, entries: str, mistake: str) -> None:
    sentence = refused(url, entries)
    assert sentence.startswith("`entries` has ")
    assert mistake in sentence


async def fill(file: Path, owner: str) -> None:
    """Keep as many glossaries of an owner as there may be."""
    with closing(SqliteStore(file)) as store:
        stored = StoredGlossaries(store)
        for _ in range(MAX_GLOSSARIES):
            await stored.create(owner, "n", {("en", "de"): {"a": "b"}})


def test_a_client_has_a_limit_of_glossaries(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    asyncio.run(fill(file, "one"))
    with (
        serving(keys=translators("one", "two"), file=file) as url,
        deepl_client(url, "one") as one,
        deepl_client(url, "two") as two,
    ):
        with pytest.raises(deepl.DeepLException, match="`glossaries` are 1000 already") as caught:
            one.create_glossary("n", "EN", "DE", {"a": "b"})
        assert caught.value.http_status_code == 400
        assert two.create_glossary("n", "EN", "DE", {"a": "b"}).entry_count == 1
        kept = one.list_glossaries()
        assert len(kept) == MAX_GLOSSARIES
        one.delete_glossary(kept[0])
        assert one.create_glossary("n", "EN", "DE", {"a": "b"}).entry_count == 1


Call = Callable[[deepl.DeepLClient], object]
EVERYTHING: list[Call] = [
    lambda client: client.get_glossary_languages(),
    lambda client: client.create_glossary("n", "EN", "DE", {"a": "b"}),
    lambda client: client.list_glossaries(),
    lambda client: client.get_glossary(MISSING),
    lambda client: client.get_glossary_entries(MISSING),
    lambda client: client.delete_glossary(MISSING),
    lambda client: client.create_multilingual_glossary("n", [Dictionary("EN", "DE", {"a": "b"})]),
    lambda client: client.list_multilingual_glossaries(),
    lambda client: client.get_multilingual_glossary(MISSING),
    lambda client: client.get_multilingual_glossary_entries(MISSING, "EN", "DE"),
    lambda client: client.update_multilingual_glossary_name(MISSING, "n"),
    lambda client: client.replace_multilingual_glossary_dictionary(
        MISSING, Dictionary("EN", "DE", {"a": "b"})
    ),
    lambda client: client.delete_multilingual_glossary(MISSING),
    lambda client: client.delete_multilingual_glossary_dictionary(
        MISSING, source_lang="EN", target_lang="DE"
    ),
]


def test_every_route_needs_a_key() -> None:
    with serving(keys=translators("one")) as url, deepl_client(url, "wrong") as client:
        for call in EVERYTHING:
            with pytest.raises(deepl.AuthorizationException):
                call(client)


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"name": "\\ud800"}', b"\xff", json.dumps({"name": {}}).encode()]
)
def test_a_body_that_cannot_be_read_is_refused(url: str, content: bytes) -> None:
    for method, path in (
        ("POST", "/v2/glossaries"),
        ("POST", "/v3/glossaries"),
        ("PATCH", f"/v3/glossaries/{MISSING}"),
        ("PUT", f"/v3/glossaries/{MISSING}/dictionaries"),
    ):
        response = httpx.request(method, url + path, content=content)
        assert response.status_code == 400
        assert isinstance(response.json()["message"], str)
