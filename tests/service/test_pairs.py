"""Pairs that are listed and pairs that are combinations behave alike."""

import pytest

from service.pairs import NO_PAIRS, Pairs

LISTED = Pairs.of([("en", "de"), ("de", "fr"), ("en", "fr"), ("en", "de")])
COMBINED = Pairs.between(["en", "de"], ["de", "fr"])


@pytest.mark.parametrize("pairs", [LISTED, COMBINED], ids=["listed", "combined"])
def test_pairs_are_found_by_either_side(pairs: Pairs) -> None:
    assert set(pairs) == {("en", "de"), ("en", "fr"), ("de", "fr")}
    assert len(pairs) == 3
    assert ("en", "fr") in pairs
    assert ("fr", "en") not in pairs
    assert pairs.targets_of("en") == ("de", "fr")
    assert pairs.targets_of("fr") == ()
    assert set(pairs.sources_of("fr")) == {"en", "de"}
    assert pairs.sources_of("en") == ()


def test_a_language_makes_no_pair_with_itself() -> None:
    assert ("de", "de") not in COMBINED
    assert COMBINED.targets_of("de") == ("fr",)
    assert COMBINED.sources_of("de") == ("en",)


@pytest.mark.parametrize("pairs", [LISTED, COMBINED], ids=["listed", "combined"])
def test_pairs_keep_the_order_in_which_they_were_given(pairs: Pairs) -> None:
    assert pairs.sources == ("en", "de")
    assert pairs.targets == ("de", "fr")
    assert next(iter(pairs)) == ("en", "de")


@pytest.mark.parametrize("other", ["en-de", ("en",), ("en", "de", "fr"), None])
def test_what_is_no_pair_is_none_of_them(other: object) -> None:
    assert other not in LISTED
    assert other not in COMBINED


def test_no_pairs_are_empty() -> None:
    assert not NO_PAIRS
    assert list(NO_PAIRS) == []
    assert ("en", "de") not in NO_PAIRS
    assert not Pairs.between(["en"], ["en"])


def test_the_pairs_of_many_languages_are_counted_without_being_made() -> None:
    codes = [f"l{number}" for number in range(20_000)]
    pairs = Pairs.between(codes, codes)
    assert len(pairs) == 20_000 * 19_999  # a set of so many would take tens of gigabytes
    assert ("l7", "l19999") in pairs
    assert len(pairs.targets_of("l7")) == 19_999
