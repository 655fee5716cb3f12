import random
import re

import pytest

from model.training.corpus import Pair
from model.training.substitution import Substitutions, invent_name, substitute

ALWAYS = Substitutions(name_rate=1.0, number_copies=3)


def changed(pair: Pair, settings: Substitutions = ALWAYS) -> list[Pair]:
    return substitute([pair], settings, rng=random.Random(1))


def test_a_name_becomes_the_same_invented_one_on_both_sides() -> None:
    (pair,) = changed(Pair("Tom's dog likes Tom.", "Toms Hund mag Tom."))
    match = re.fullmatch(r"(.+)'s dog likes \1\.", pair.source)
    assert match is not None
    assert match[1] != "Tom"
    assert pair.target == f"{match[1]}s Hund mag {match[1]}."


@pytest.mark.parametrize(
    "pair",
    [
        pytest.param(Pair("Tommy eats tomatoes.", "Tommy isst Tomaten."), id="part of a word"),
        pytest.param(Pair("Tom is here.", "Er ist hier."), id="on one side only"),
        pytest.param(Pair("It is 5.", "Es ist fünf."), id="number as a word"),
        pytest.param(Pair("Milk.", "Milch."), id="neither name nor number"),
    ],
)
def test_a_pair_with_nothing_to_copy_stays_alone_as_it_is(pair: Pair) -> None:
    assert changed(pair) == [pair]


def test_about_the_asked_part_of_the_names_gives_way() -> None:
    pairs = [Pair("Tom sleeps.", "Tom schläft.")] * 2000
    named = substitute(pairs, Substitutions(name_rate=0.4), rng=random.Random(1))
    assert 0.36 < sum(pair.source != "Tom sleeps." for pair in named) / 2000 < 0.44


def test_copies_have_other_numbers_of_as_many_digits_alike_on_both_sides() -> None:
    original = Pair("From 1990 to 2005, 7 of 1990.", "7 von 1990, von 1990 bis 2005.")
    first, *copies = changed(original)
    assert first == original
    assert len(set(copies)) == 3
    for copy in copies:
        match = re.fullmatch(r"From (\d{4}) to (\d{4}), (\d) of \1\.", copy.source)
        assert match is not None
        assert copy.target == f"{match[3]} von {match[1]}, von {match[1]} bis {match[2]}."


def test_an_invented_name_takes_a_genitive_s() -> None:
    rng = random.Random(1)
    names = [invent_name(rng) for _ in range(500)]
    assert len(set(names)) > 400
    assert all(name == name.title() and name[-1] not in "sxzß" for name in names)
