import itertools
import re
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.glossary import MAX_TERM_CHARACTERS, Entry, Glossary, GlossaryError


def found(glossary: Glossary, text: str) -> list[tuple[str, str]]:
    """Return the terms as they stand in the text, each with its target."""
    return [(text[match.start : match.stop], match.target) for match in glossary.find(text)]


def glossary_of(**terms: str | None) -> Glossary:
    return Glossary(Entry(source, target) for source, target in terms.items())


def test_a_term_is_found_with_its_target() -> None:
    (match,) = glossary_of(save="sichern").find("Press save now.")

    assert (match.start, match.stop) == (6, 10)
    assert match.entry == Entry("save", "sichern")
    assert match.target == "sichern"


@pytest.mark.parametrize("text", ["saved", "unsave", "save_all", "save2", "saveé", "save\u0301"])
def test_a_term_is_not_found_within_a_word(text: str) -> None:
    assert found(glossary_of(save="sichern"), text) == []


@pytest.mark.parametrize(
    "text", ["save!", "(save)", "auto-save", "save\u2019s", "«save»", "save/load"]
)
def test_a_term_may_have_signs_around_it(text: str) -> None:
    assert found(glossary_of(save="sichern"), text) == [("save", "sichern")]


def test_of_terms_at_one_place_the_longest_is_found() -> None:
    glossary = glossary_of(**{"file": "Datei", "file system": "Dateisystem", "system check": "x"})

    assert found(glossary, "A file system check of a file systems") == [
        ("file system", "Dateisystem"),
        ("file", "Datei"),
    ]


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("open file", "datei öffnen"),
        ("Open file", "Datei öffnen"),
        ("Open File", "Datei öffnen"),
        ("OPEN FILE", "DATEI ÖFFNEN"),
    ],
)
def test_the_target_has_the_capitals_of_its_term(text: str, target: str) -> None:
    assert found(glossary_of(**{"open file": "datei öffnen"}), text) == [(text, target)]


def test_a_target_with_capitals_inside_keeps_its_first_letter() -> None:
    assert found(glossary_of(phone="iPhone"), "Phone") == [("Phone", "iPhone")]


@pytest.mark.parametrize("term", ["iPhone", "US", "GitHub Actions"])
def test_a_term_with_capitals_inside_is_found_as_it_is_written_only(term: str) -> None:
    glossary = glossary_of(**{term: None})

    assert found(glossary, term) == [(term, term)]
    assert found(glossary, f"{term.lower()} {term.upper() if term != 'US' else ''}") == []


def test_a_noun_with_a_capital_is_found_in_capitals_but_not_in_lower_case() -> None:
    glossary = glossary_of(Datei="file")

    assert found(glossary, "Datei DATEI datei") == [("Datei", "file"), ("DATEI", "FILE")]


def test_an_entry_s_own_capitals_go_before_those_of_another() -> None:
    glossary = glossary_of(us="uns", Us="Wir", US="USA")

    assert found(glossary, "us Us US") == [("us", "uns"), ("Us", "Wir"), ("US", "USA")]


def test_a_term_without_target_is_left_as_the_text_has_it() -> None:
    assert found(glossary_of(dragoman=None), "Dragoman") == [("Dragoman", "Dragoman")]


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("don't", "don\u2019t"),
        ("don\u2019t", "don't"),
        ("e-mail", "e\u2011mail"),
        ("open file", "open\u00a0\n file"),
        ("café", "cafe\u0301"),
        ("cafe\u0301", "café"),
        ("hyphen", "hy\u00adphen"),
        (" file ", "file"),
    ],
)
def test_what_looks_alike_is_the_same(term: str, text: str) -> None:
    assert found(glossary_of(**{term: "x"}), text) == [(text, "x")]


def test_a_script_without_blanks_has_terms_anywhere() -> None:
    assert found(glossary_of(ファイル="file"), "新しいファイルを開く") == [("ファイル", "file")]


def test_only_an_enforced_entry_without_target_leaves_its_term_as_it_is() -> None:
    entries = [Entry("a", None), Entry("a", "a"), Entry("a", None, "prefer")]

    assert [entry.is_left_as_it_is for entry in entries] == [True, False, False]


def test_a_term_may_be_of_signs() -> None:
    assert found(glossary_of(**{"C++": None, ".NET": None}), "C++, C# and .NET: xC++") == [
        ("C++", "C++"),
        (".NET", ".NET"),
    ]


def test_an_empty_glossary_finds_nothing() -> None:
    assert len(Glossary(())) == 0
    assert Glossary(()).find("anything") == ()


@pytest.mark.parametrize(
    ("entries", "error"),
    [
        pytest.param([("", "x")], "[0].source is empty", id="no source"),
        pytest.param([("a", "b"), (" \n", "x")], "[1].source is empty", id="blanks"),
        pytest.param([("\u00ad", "x")], "[0].source is empty", id="invisible"),
        pytest.param([("a", " ")], "[0].target is empty", id="no target"),
        pytest.param(
            [("a" * (MAX_TERM_CHARACTERS + 1), "x")],
            "[0].source has 1025 characters; at most 1024 are allowed",
            id="long source",
        ),
        pytest.param(
            [("a", "x" * 1025)],
            "[0].target has 1025 characters; at most 1024 are allowed",
            id="long target",
        ),
        pytest.param(
            [("a", "x"), ("b", "y"), ("a", "z")], "[2].source has another target", id="two targets"
        ),
        pytest.param(
            [("don't", "x"), ("don\u2019t", None)],
            "[1].source has another target",
            id="look-alikes",
        ),
    ],
)
def test_an_entry_that_cannot_be_is_named(
    entries: list[tuple[str, str | None]], error: str
) -> None:
    with pytest.raises(GlossaryError, match=re.escape(error)):
        Glossary(Entry(source, target) for source, target in entries)


def test_a_contradiction_names_the_earlier_entry() -> None:
    with pytest.raises(GlossaryError) as raised:
        Glossary([Entry("a", "x"), Entry("b", "y"), Entry("a", "x", "prefer")])

    assert (raised.value.index, raised.value.earlier) == (2, 0)


def test_an_entry_may_be_given_twice() -> None:
    assert found(Glossary([Entry("a", "x"), Entry("a", "x")]), "a") == [("a", "x")]


TERMS = st.sampled_from(
    ["a", "b", "ab", "a b", "b a", "a b a", "b-a", "a+", "+", "中", "中b", "+ a"]
)
TEXTS = st.text("ab +-中_", max_size=30)


@given(st.sets(TERMS, max_size=6), TEXTS)
def test_the_leftmost_and_longest_term_between_word_boundaries_is_found(
    terms: set[str], text: str
) -> None:
    glossary = Glossary(Entry(term, term) for term in terms)

    assert [(m.start, m.stop) for m in glossary.find(text)] == list(_naively(terms, text))


def _naively(terms: Iterable[str], text: str) -> Iterable[tuple[int, int]]:
    at = 0
    while at < len(text):
        lengths = [n for term in terms if (n := _length_at(term, text, at))]
        if lengths:
            yield at, at + max(lengths)
        at += max(lengths, default=1)


def _length_at(term: str, text: str, at: int) -> int:
    """Return the length of the term at a place of the text, 0 if it is not there as words."""
    pattern = r"\s+".join(map(re.escape, term.split(" ")))
    match = re.compile(pattern).match(text, at)
    if match is None or _is_inside(text, at) or _is_inside(text, match.end()):
        return 0
    return match.end() - at


def _is_inside(text: str, at: int) -> bool:
    """Return whether a place is within a word, or within a run of blanks."""
    around = text[at - 1 : at + 1] if at else ""
    return re.fullmatch(r"[ab_]{2}|\s\s", around) is not None


@given(st.lists(st.text(min_size=1, max_size=8), max_size=5), st.text(max_size=40))
def test_matches_are_in_order_and_do_not_overlap(terms: list[str], text: str) -> None:
    sources = {term.strip() for term in terms}
    try:
        glossary = Glossary(Entry(source, None) for source in sources)
    except GlossaryError:
        return
    ends = list(
        itertools.chain.from_iterable((m.start, m.stop) for m in glossary.find(text.join(terms)))
    )

    assert ends == sorted(ends)


def test_many_entries_that_begin_alike_are_found_at_once() -> None:
    glossary = Glossary(Entry("a " * count + "b", None) for count in range(1, 400))

    assert glossary.find("a " * 25_000) == ()
