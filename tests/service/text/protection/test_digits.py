"""Which numbers of a text its translation has lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.protection.digits import lost_numbers


@pytest.mark.parametrize(
    ("source", "output", "lost"),
    [
        ("It costs 1,250.75 dollars.", "Es kostet 1.250,75 Dollar.", []),
        ("It costs 1,250.75 dollars.", "Es kostet 1250,75 Dollar.", []),
        ("It costs 1,250.75 dollars.", "Es kostet 1.250 Dollar.", ["1,250.75"]),
        ("On 10/5/2023 at 12:30.", "Am 5.10.2023 um 12.30 Uhr.", []),
        ("At 5:30 p.m. sharp.", "Um 17:30 Uhr.", []),
        ("I have 3 cats.", "Ich habe drei Katzen.", ["3"]),
        ("3 and 3 more", "3 und mehr", ["3"]),
        ("The 1st of May", "Der erste Mai", []),
        ("It is 23 degrees.", "Es sind \u0662\u0663 Grad.", []),
        ("We are 3\u4e07 people", "We are 30,000 people", []),
        ("No number", "Keine 5 Zahlen", []),
    ],
)
def test_digits_count_but_not_their_separators(source: str, output: str, lost: list[str]) -> None:
    assert [number.replacement for number in lost_numbers(source, output)] == lost


@given(st.text("0123456789 .,:-ap m/", max_size=40))
def test_a_copy_loses_no_number(text: str) -> None:
    assert lost_numbers(text, text) == ()


@given(st.text(max_size=40))
def test_without_an_output_every_number_found_is_a_span_of_digits(text: str) -> None:
    for number in lost_numbers(text, ""):
        assert number.replacement == text[number.start : number.stop]
        assert number.replacement[0].isdecimal()
        assert number.replacement[-1].isdecimal()
