import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.boundaries import cut_at_boundaries, is_word, normal_form


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Don\u2019t  panic!", ["Don", "'", "t", "  ", "panic", "!"]),
        ("C++ MAX_SIZE", ["C", "+", "+", " ", "MAX_SIZE"]),
        ("e\u2011mail", ["e", "-", "mail"]),
        ("cafe\u0301s", ["cafe\u0301s"]),
        ("soft\u00adhyphen", ["soft\u00adhyphen"]),
        ("新しいファイル3つ", [*"新しいファイル", "3", "つ"]),
        ("ไฟล์", ["ไ", "ฟ", "ล์"]),
        ("APIの", ["API", "の"]),
        ("किताब", ["किताब"]),
        ("", []),
    ],
)
def test_a_text_is_cut_where_a_word_begins_or_ends(text: str, parts: list[str]) -> None:
    assert cut_at_boundaries(text) == parts


@given(st.text())
def test_the_parts_are_as_long_as_the_text(text: str) -> None:
    parts = cut_at_boundaries(text)

    assert all(parts)
    assert len("".join(parts)) == len(text)


@pytest.mark.parametrize(
    ("one", "other"), [("\u00a0", " \n"), ("e\u0301", "é"), ("soft\u00adhyphen", "softhyphen")]
)
def test_what_looks_alike_has_one_normal_form(one: str, other: str) -> None:
    assert normal_form(one) == normal_form(other)


@given(st.text())
def test_a_normal_form_is_its_own(text: str) -> None:
    assert normal_form(normal_form(text)) == normal_form(text)


def test_a_word_has_letters_or_digits() -> None:
    assert [is_word(part) for part in ("ab", "7", "é", " ", "+", "")] == [True] * 3 + [False] * 3
