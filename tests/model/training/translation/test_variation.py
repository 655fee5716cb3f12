import random
import re
from dataclasses import replace
from typing import Any

import pytest

from model.training.corpus import Pair
from model.training.translation.variation import (
    Variation,
    VariationRates,
    common_names,
    invent_name,
    renumbered,
)
from tests.support.checkpoints.translation_training import NO_VARIATION

TOM = Pair("Tom's dog likes Tom.", "Toms Hund mag Tom.")


def rates(**changes: Any) -> VariationRates:
    return replace(NO_VARIATION, **changes)


def vary(pair: Pair, **changes: float) -> Pair | None:
    return Variation(rates(**changes)).vary(pair, rng=random.Random(1))


def test_a_name_becomes_the_same_other_one_on_both_sides() -> None:
    pair = vary(TOM, rename=1.0)
    assert pair is not None
    match = re.fullmatch(r"(.+)'s dog likes \1\.", pair.source)
    assert match is not None
    assert match[1] != "Tom"
    assert pair.target == f"{match[1]}s Hund mag {match[1]}."


def test_half_of_the_new_names_are_those_of_the_data() -> None:
    variation = Variation(rates(rename=1.0), names=["Boston"])
    rng = random.Random(1)
    varied = [variation.vary(TOM, rng=rng) for _ in range(1000)]
    known = sum(pair is not None and "Boston" in pair.source for pair in varied)
    assert 440 < known < 560


@pytest.mark.parametrize(
    "pair",
    [
        pytest.param(Pair("Tommy eats tomatoes.", "Tommy isst Tomaten."), id="part of a word"),
        pytest.param(Pair("Tom is here.", "Er ist hier."), id="on one side only"),
        pytest.param(Pair("It is 5.", "Es ist fünf."), id="number as a word"),
        pytest.param(Pair("Milk.", "Milch."), id="neither name nor number"),
    ],
)
def test_a_pair_with_nothing_to_copy_stays_as_it_is(pair: Pair) -> None:
    assert vary(pair, rename=1.0, renumber=1.0) == pair


def test_the_asked_part_of_the_favourite_name_is_passed_over() -> None:
    variation = Variation(rates(skip_name=0.4))
    rng = random.Random(1)
    skipped = sum(variation.vary(TOM, rng=rng) is None for _ in range(2000))
    assert 740 < skipped < 860
    assert variation.vary(Pair("Milk.", "Milch."), rng=rng) is not None


def test_numbers_become_others_of_as_many_digits_alike_on_both_sides() -> None:
    original = Pair("From 1990 to 2005, 7 of 1990.", "7 von 1990, von 1990 bis 2005.")
    rng = random.Random(1)
    copies = [renumbered(original, rng=rng) for _ in range(3)]
    assert len(set(copies)) == 3
    for copy in copies:
        match = re.fullmatch(r"From (\d{4}) to (\d{4}), (\d) of \1\.", copy.source)
        assert match is not None
        assert copy.target == f"{match[3]} von {match[1]}, von {match[1]} bis {match[2]}."


def test_case_changes_on_both_sides() -> None:
    pair = Pair("The dog.", "Der Hund.")
    assert vary(pair, upper_case=1.0) == Pair("THE DOG.", "DER HUND.")
    assert vary(pair, lower_case=1.0) == Pair("the dog.", "der hund.")


def test_a_full_stop_goes_from_both_sides_or_from_none() -> None:
    assert vary(Pair("Yes.", "Ja."), no_full_stop=1.0) == Pair("Yes", "Ja")
    assert vary(Pair("Yes.", "Ja!"), no_full_stop=1.0) == Pair("Yes.", "Ja!")


def test_an_address_is_put_into_both_sides_alike() -> None:
    variation = Variation(rates(address=1.0))
    rng = random.Random(1)
    varied = [variation.vary(Pair("The dog.", "Der Hund."), rng=rng) for _ in range(100)]
    assert len(set(varied)) > 90
    for pair in varied:
        assert pair is not None
        match = re.fullmatch(r"The dog(?:\. (.+)| \((.+)\)\.)", pair.source)
        assert match is not None
        address = match[1] or match[2]
        assert re.fullmatch(r"\w+@\w+\.\w+|(https?://)?(www\.)?\w+\.\w+(/[\w/?=]+)?", address)
        assert pair.target == pair.source.replace("The dog", "Der Hund")


def test_rates_of_zero_change_nothing() -> None:
    assert Variation(NO_VARIATION).vary(TOM, rng=random.Random(1)) == TOM


def test_names_are_capitalized_words_inside_a_sentence_that_both_sides_share() -> None:
    pairs = [
        Pair("We met Maria in Boston.", "Wir trafen Maria in Boston."),
        Pair("The Hand is cold.", "Die Hand ist kalt."),
        Pair("I like Rome.", "Ich mag Rom."),
        Pair("Paris is big.", "Paris ist groß."),
    ]
    assert common_names(pairs) == ["Boston", "Hand", "Maria"]


def test_an_invented_name_takes_a_genitive_s() -> None:
    rng = random.Random(1)
    names = [invent_name(rng) for _ in range(500)]
    assert len(set(names)) > 400
    words = [name for name in names if name == name.title() and name.replace(" ", "").isalpha()]
    assert len(words) > 400
    assert all(name[-1] not in "sxzß" for name in words)
