"""Glossaries with one pair, made and read by the package `deepl` and its command line."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import deepl
import httpx
import pytest

from service.pairs import Pairs
from tests.support.service.clients import Json, client_of
from tests.support.service.fakes import TRANSLATOR, FakeBackend
from tests.support.service.glossary_services import deepl_client, serving, translators

ENTRIES = {"save": "sichern", "hard disk": "Festplatte", 'the "x"': "das, x"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture
def translator(url: str) -> Iterator[deepl.Translator]:
    with closing(deepl.Translator("any", server_url=url)) as client:
        yield client


def test_a_glossary_is_told_about_as_it_was_made(translator: deepl.Translator) -> None:
    before = datetime.now(UTC)
    made = translator.create_glossary("terms", "EN", "DE", ENTRIES)
    assert (made.name, made.source_lang, made.target_lang) == ("terms", "EN", "DE")
    assert (made.ready, made.entry_count) == (True, len(ENTRIES))
    assert before <= made.creation_time <= datetime.now(UTC)
    again = translator.get_glossary(made.glossary_id)
    assert vars(again) == vars(made)
    assert vars(made) in [vars(each) for each in translator.list_glossaries()]
    assert translator.get_glossary_entries(made) == ENTRIES


def test_languages_are_those_of_any_region(translator: deepl.Translator, url: str) -> None:
    made = translator.create_glossary("terms", "EN-GB", "DE", {"a": "b"})
    assert made.source_lang == "EN"
    body = {"name": "n", "source_lang": "en_US", "target_lang": "deu_Latn", "entries": "a\tb"}
    answer = httpx.post(f"{url}/v2/glossaries", json=body).json()
    assert (answer["source_lang"], answer["target_lang"]) == ("en", "de")


def test_a_deleted_glossary_is_gone(translator: deepl.Translator) -> None:
    made = translator.create_glossary("terms", "EN", "DE", ENTRIES)
    translator.delete_glossary(made)
    for call in (
        translator.get_glossary,
        translator.get_glossary_entries,
        translator.delete_glossary,
    ):
        with pytest.raises(deepl.GlossaryNotFoundException, match=r"there is no such glossary"):
            call(made.glossary_id)
    assert made.glossary_id not in {each.glossary_id for each in translator.list_glossaries()}


@pytest.mark.parametrize(
    "data",
    [
        'save,sichern\n"the ""x""","das, x"\n',
        '\ufeffsave, sichern\r\n\r\n"the ""x""","das, x"',
        'save,sichern,en,de\n"the ""x""","das, x",EN,DE-AT\n',
    ],
)
def test_a_glossary_is_made_of_comma_separated_values(
    translator: deepl.Translator, data: str
) -> None:
    made = translator.create_glossary_from_csv("terms", "EN", "DE", data)
    assert translator.get_glossary_entries(made) == {"save": "sichern", 'the "x"': "das, x"}


def test_a_form_is_taken_as_older_clients_send_it(translator: deepl.Translator, url: str) -> None:
    form = {
        "name": "terms",
        "source_lang": "en",
        "target_lang": "de",
        "entries_format": "tsv",
        "entries": "save\tsichern\r\n disk \tPlatte ",
    }
    response = httpx.post(f"{url}/v2/glossaries", data=form)
    assert response.status_code == 201
    entries = translator.get_glossary_entries(response.json()["glossary_id"])
    assert entries == {"save": "sichern", "disk": "Platte"}


def test_statuses_and_types_are_those_of_deepl(url: str) -> None:
    body = {"name": "n", "source_lang": "EN", "target_lang": "DE", "entries": "a\tb"}
    made = httpx.post(f"{url}/v2/glossaries", json=body)
    one = f"{url}/v2/glossaries/{made.json()['glossary_id']}"
    assert (made.status_code, made.json()["ready"]) == (201, True)
    entries = httpx.get(f"{one}/entries")
    assert entries.headers["content-type"] == "text/tab-separated-values; charset=utf-8"
    assert entries.text == "a\tb"
    deleted = httpx.delete(one)
    assert (deleted.status_code, deleted.content) == (204, b"")


def test_the_pairs_are_the_served_ones_without_regions(url: str) -> None:
    with deepl_client(url) as client:
        found = {(p.source_lang, p.target_lang) for p in client.get_glossary_languages()}
    assert found == set(TRANSLATOR.pairs)
    regional = Pairs.between(("en-US", "en-GB", "pt-BR"), ("pt-BR", "pt-PT", "en-GB"))
    with serving(FakeBackend(served=(replace(TRANSLATOR, pairs=regional),))) as other:
        listed = httpx.get(f"{other}/v2/glossary-language-pairs").json()["supported_languages"]
        assert [tuple(pair.values()) for pair in listed] == [("en", "pt"), ("pt", "en")]
        with deepl_client(other) as client:
            assert client.create_glossary("n", "PT", "EN-US", {"a": "b"}).entry_count == 1


def test_the_command_line_makes_lists_and_deletes_glossaries(url: str, tmp_path: Path) -> None:
    def glossary(*arguments: str) -> str:
        command = [sys.executable, "-m", "deepl", "--auth-key", "any", "--server-url", url]
        done = subprocess.run(  # noqa: S603 - the package's own command
            [*command, "glossary", *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    made = glossary("create", "--name", "cli", "--from", "EN", "--to", "DE", "save=sichern", "a=b")
    id_ = made.splitlines()[-1].split("\t")[0].strip()
    assert id_ in glossary("list")
    assert glossary("get", id_).splitlines()[1].split("\t")[1].strip() == "cli"
    assert glossary("entries", id_) == "save\tsichern\na\tb\n"
    file = tmp_path / "terms.csv"
    file.write_text('save,"sichern, ja"\n', encoding="utf-8")
    other = glossary(
        *("create", "--name", "csv", "--from", "EN", "--to", "DE", "--csv", "--file", str(file))
    )
    other_id = other.splitlines()[-1].split("\t")[0].strip()
    assert glossary("entries", other_id) == "save\tsichern, ja\n"
    assert glossary("delete", id_, other_id).count("successfully deleted") == 2
    assert id_ not in glossary("list")


def test_a_client_has_no_glossary_of_another() -> None:
    with (
        serving(keys=translators("one", "two")) as url,
        deepl_client(url, "one") as one,
        deepl_client(url, "two") as two,
    ):
        made = one.create_glossary("terms", "EN", "DE", ENTRIES)
        assert two.list_glossaries() == []
        assert two.list_multilingual_glossaries() == []
        for call in (two.get_glossary, two.get_glossary_entries, two.delete_glossary):
            with pytest.raises(deepl.GlossaryNotFoundException):
                call(made.glossary_id)
        with pytest.raises(deepl.GlossaryNotFoundException):
            two.update_multilingual_glossary_name(made.glossary_id, "mine")
        assert one.get_glossary_entries(made) == ENTRIES


def test_a_service_that_starts_again_still_has_them(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    with serving(file=file) as url, deepl_client(url) as client:
        made = client.create_glossary("terms", "EN", "DE", ENTRIES)
    with serving(file=file) as url, deepl_client(url) as client:
        assert [vars(each) for each in client.list_glossaries()] == [vars(made)]
        assert client.get_glossary_entries(made) == ENTRIES


def test_the_documentation_of_the_routes_is_whole() -> None:
    described: Json = client_of().get("/openapi.json").json()
    routes = {
        f"{method} {path}"
        for path, methods in described["paths"].items()
        for method, route in methods.items()
        if "glossar" in path and route["tags"] == ["DeepL"]
    }
    one = "/glossaries/{glossary_id}"
    assert routes == {
        "get /v2/glossary-language-pairs",
        *(f"{method} /v2/glossaries" for method in ("get", "post")),
        *(f"{method} /v3/glossaries" for method in ("get", "post")),
        *(f"{method} /v2{one}" for method in ("get", "delete")),
        *(f"{method} /v3{one}" for method in ("get", "patch", "delete")),
        *(f"get /v{version}{one}/entries" for version in (2, 3)),
        *(f"{method} /v3{one}/dictionaries" for method in ("put", "delete")),
    }
    for reference in _references(described["paths"]):
        found: Any = described
        for key in reference.removeprefix("#/").split("/"):
            found = found[key]


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)
