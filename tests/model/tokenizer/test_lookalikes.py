import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.tokenizer.lookalikes import LOOKALIKES, base_letter, is_invisible, plain_forms, units_of


@pytest.mark.parametrize(
    ("unit", "form"),
    [
        ("\u2019", "'"),
        ("\u2011", "-"),
        ("\u2026", "..."),
        ("e\u0301", "é"),
        ("\ufb01", "fi"),
        ("\uff21", "A"),
        ("\u2009", " "),
        ("\x85", " "),
        ("\u00ad", ""),
        ("\u200b", ""),
        ("\ufeff", ""),
        ("\u00bd", " 1/2"),
        ("\u2033", "''"),
        ("\u0437\u0301", "\u0437"),
    ],
)
def test_the_plain_form_is_among_those_of_a_character(unit: str, form: str) -> None:
    assert form in plain_forms(unit)


@pytest.mark.parametrize("char", ["\n", "\t", " ", "\u0600", "a", "\u2019", "\u0301", "\u3000"])
def test_what_is_seen_or_parts_words_is_not_invisible(char: str) -> None:
    assert not is_invisible(char)


def test_a_letter_under_marks_is_another_letter() -> None:
    assert base_letter("ř") == "r"
    assert base_letter("r") is None
    assert base_letter("й") is None
    assert "r" not in plain_forms("ř")


def test_no_look_alike_is_replaced_by_itself() -> None:
    for char, forms in LOOKALIKES.items():
        assert char not in forms
        assert len(char) == 1


@given(st.text())
def test_units_joined_are_the_text(text: str) -> None:
    units = list(units_of(text))
    assert "".join(unit for _, unit in units) == text
    assert all(text.startswith(unit, start) for start, unit in units)
    assert not any(unicodedata.combining(unit[0]) for _, unit in units[1:])
