"""A tag may stand between two units of a text, and in none."""

import pytest

from service.spans import Span
from service.text.markup.units import Units


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("It's, don't!", "It's|,|don't|!"),
        ("l'homme d\u2019ici", "l'|homme|d\u2019|ici"),
        ("USB-Kabel 3.5", "USB|-|Kabel|3|.|5"),
        ("\u4fdd\u5b58file", "\u4fdd|\u5b58|file"),
        ("\u0e17\u0e35\u0e48\u0e19", "\u0e17\u0e35\u0e48|\u0e19"),
        ("e\u0301te\u0301 \U0001f44d\U0001f3fd!", "e\u0301te\u0301|\U0001f44d\U0001f3fd|!"),
        (
            "\u0939\u093f\u0928\u094d\u0926\u0940\u0964",
            "\u0939\u093f\u0928\u094d\u0926\u0940|\u0964",
        ),
    ],
)
def test_words_and_signs_are_units(text: str, units: str) -> None:
    found = Units(text)

    assert "|".join(found.text_of(unit) for unit in range(len(found))) == units


def test_a_copied_element_is_one_unit_and_a_word() -> None:
    units = Units("run <b>a b</b>.", [Span(4, 14)])

    assert [units.text_of(unit) for unit in range(len(units))] == ["run", "<b>a b</b>", "."]
    assert [units.is_word(unit) for unit in range(len(units))] == [True, True, False]
    assert units.is_whole(1)


def test_units_are_found_by_position() -> None:
    units = Units("one two.")

    assert units.around(1) == 0
    assert units.around(3) is None
    assert units.inside(1, 8) == range(1, 3)
    assert units.touching(2, 5) == range(2)
    assert units.num_words(2, 8) == 2
