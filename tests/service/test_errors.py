"""The sentences of errors never repeat running text."""

import pytest

from service.errors import InvalidFieldError, listing, show


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("de-XX", "'de-XX'", id="code"),
        pytest.param(9, "9", id="number"),
        pytest.param(None, "None", id="nothing"),
        pytest.param("my secret text", "a text of 14 characters", id="text"),
        pytest.param("x" * 41, "a text of 41 characters", id="long"),
        pytest.param("a\u202eb", "a text of 3 characters", id="unprintable"),
        pytest.param(["secret"], "of type list", id="list"),
        pytest.param(10**50, "a number of many digits", id="huge number"),
    ],
)
def test_a_value_is_shown_only_if_it_is_a_code_or_a_number(value: object, shown: str) -> None:
    assert show(value) == shown


def test_a_long_list_says_how_many_more_there_are() -> None:
    assert listing([str(i) for i in range(15)]).endswith("10, 11 and 3 more")
    assert listing([]) == "none"


def test_a_sentence_names_every_field_as_the_dialect_does() -> None:
    error = InvalidFieldError("text[1]", "is too long for `model`; `source_lang` is not")
    names = {"text": "q", "source_lang": "source"}
    assert error.sentence(names) == "`q[1]` is too long for `model`; `source` is not"
