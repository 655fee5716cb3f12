"""Glossaries of the catalogue: in it or in files, and what is said of their mistakes."""

import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from service.catalogue.catalogue import CatalogueError, load_catalogue
from service.catalogue.glossaries import glossaries_of
from service.text.glossary import MAX_NAMED_ENTRIES, Entry

MODELS = """\
models:
  - {name: m, path: bundled/translate, task: translation, pairs: [en-de]}
glossaries:
  product:
    source_lang: en
    target_lang: de
"""


def write(folder: Path, glossary: str) -> Path:
    path = folder / "dragoman.yaml"
    path.write_text(MODELS + glossary, encoding="utf-8")
    return path


def terms(folder: Path, glossary: str) -> tuple[Entry, ...]:
    return load_catalogue(write(folder, glossary)).glossaries["product"].terms


def mistake(folder: Path, glossary: str) -> str:
    """Return the error, with the folder left out."""
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(write(folder, glossary))
    return str(caught.value).replace(f"{folder}/", "")


def test_entries_may_stand_in_the_catalogue(tmp_path: Path) -> None:
    text = "    entries: {save: sichern, Dragoman: null, one: {target: eins, mode: prefer}}\n"

    assert terms(tmp_path, text) == (
        Entry("save", "sichern"),
        Entry("Dragoman", None),
        Entry("one", "eins", "prefer"),
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("terms.tsv", 'save\tsichern\n\nDragoman\t\n 3" disk \t3"-Platte\tprefer\n'),
        ("terms.tsv", '\ufeffsave\tsichern\r\nDragoman\r\n3" disk\t3"-Platte\tprefer'),
        ("terms.csv", 'save,sichern\nDragoman,\n"3"" disk","3""-Platte",prefer\n'),
    ],
)
def test_entries_may_stand_in_a_file_beside_the_catalogue(
    tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")

    assert terms(tmp_path, f"    file: {name}\n") == (
        Entry("save", "sichern"),
        Entry("Dragoman", None),
        Entry('3" disk', '3"-Platte', "prefer"),
    )


def test_a_catalogue_without_glossaries_has_none() -> None:
    assert load_catalogue().glossaries == {}


def test_a_glossary_is_made_for_its_name_and_pair(tmp_path: Path) -> None:
    catalogue = load_catalogue(write(tmp_path, "    entries: {save: sichern}\n"))

    found = glossaries_of(catalogue.glossaries)["product"]

    assert (found.name, found.pair) == ("product", ("en", "de"))
    assert [match.target for match in found.find("Save")] == ["Sichern"]


def test_entries_of_a_file_reach_another_process(tmp_path: Path) -> None:
    (tmp_path / "terms.tsv").write_text("save\tsichern\n")
    catalogue = load_catalogue(write(tmp_path, "    file: terms.tsv\n"))
    (tmp_path / "terms.tsv").unlink()

    other = pickle.loads(pickle.dumps(catalogue))  # noqa: S301 - our own

    assert other.glossaries["product"].terms == (Entry("save", "sichern"),)


@pytest.mark.parametrize(
    ("glossary", "sentence"),
    [
        pytest.param(
            "", "dragoman.yaml:4: glossaries.product: give either entries or file", id="neither"
        ),
        pytest.param(
            "    entries: {}\n    file: a.tsv\n",
            "dragoman.yaml:4: glossaries.product: give either entries or file",
            id="both",
        ),
        pytest.param(
            "    file: a.xlsx\n",
            "dragoman.yaml:7: glossaries.product.file: a file is a .tsv or a .csv (got 'a.xlsx')",
            id="type",
        ),
        pytest.param(
            "    file: a.tsv\n",
            "dragoman.yaml:7: glossaries.product: cannot read a.tsv: [Errno 2]",
            id="no file",
        ),
        pytest.param(
            "    entrys: {}\n",
            "dragoman.yaml:7: glossaries.product.entrys: there is no such key; "
            "did you mean 'entries'?",
            id="key",
        ),
        pytest.param(
            "    entries:\n      a: x\n      b: [c]\n",
            "dragoman.yaml:9: glossaries.product.entries.b: a target is a text, null",
            id="target",
        ),
        pytest.param(
            "    entries:\n      a: {target: x, mode: maybe}\n",
            "dragoman.yaml:8: glossaries.product.entries.a: a target is a text, null",
            id="mode",
        ),
        pytest.param(
            "    entries:\n      a: x\n      don't: x\n      don\u2019t: y\n",
            "dragoman.yaml:10: glossaries.product: the source has another target or mode "
            "in dragoman.yaml:9: glossaries.product (got 'don\u2019t')",
            id="look-alikes",
        ),
        pytest.param(
            "    entries:\n      a: ''\n",
            "dragoman.yaml:8: glossaries.product: the target is empty (got '')",
            id="empty",
        ),
    ],
)
def test_a_mistake_in_the_catalogue_is_named_with_its_line(
    tmp_path: Path, glossary: str, sentence: str
) -> None:
    assert sentence in mistake(tmp_path, glossary)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a\tx\n\n\tx\n", "terms.tsv:3: the source is empty (got '')"),
        (
            "a\tx\nb\ty\na\tz\n",
            "terms.tsv:3: the source has another target or mode in terms.tsv:1 (got 'a')",
        ),
        (
            f"a\t{'x' * 1_025}\n",
            "terms.tsv:1: the target has 1025 characters; at most 1024 are allowed (got 'xxx",
        ),
        ("a\tb\tprefer\td\n", "terms.tsv:1: this has 4 columns; they are source, target and mode"),
        ("a\tb\n\na\tb\tnoun\n", "terms.tsv:3: a mode is enforce or prefer (got 'noun')"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_line(
    tmp_path: Path, content: str, sentence: str
) -> None:
    (tmp_path / "terms.tsv").write_text(content)

    assert mistake(tmp_path, "    file: terms.tsv\n").startswith(sentence)


def test_a_file_that_is_no_csv_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "terms.csv").write_text('a,x\n"b" c,y\n')

    assert mistake(tmp_path, "    file: terms.csv\n").startswith("terms.csv:2: ")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "terms.tsv").write_bytes(b"\xff\xfe\x00")

    assert "cannot read terms.tsv: 'utf-8' codec" in mistake(tmp_path, "    file: terms.tsv\n")


def test_more_entries_than_a_glossary_may_have_are_refused(tmp_path: Path) -> None:
    (tmp_path / "terms.tsv").write_text("a\n" * (MAX_NAMED_ENTRIES + 1))

    found = mistake(tmp_path, "    file: terms.tsv\n")

    assert found == (
        "dragoman.yaml:7: glossaries.product: terms.tsv has more than 100000 entries, "
        "the most that are allowed"
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("de", "de"), "target_lang: source_lang and target_lang are one language"),
        (("en-US", "en-GB"), "target_lang: source_lang and target_lang are one language"),
        (("en", "12"), "target_lang: String should match pattern"),
    ],
)
def test_a_glossary_is_for_two_languages(
    tmp_path: Path, change: tuple[Any, Any], sentence: str
) -> None:
    path = write(tmp_path, "    entries: {a: b}\n")
    text = path.read_text().replace("source_lang: en", f"source_lang: {change[0]}")
    path.write_text(text.replace("target_lang: de", f"target_lang: '{change[1]}'"))

    with pytest.raises(CatalogueError, match=re.escape(sentence)):
        load_catalogue(path)
