import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.scripts import in_main_script


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Say שלום to him.", "Say      to him."),
        ("Nintendo 任天堂", "Nintendo    "),
        ("Ё, la 東京タワー ひらがな", " ,    東京タワー ひらがな"),
        ("한국어 中文", "한국어 中文"),
        ("Größe: 12 µm", "Größe: 12  m"),
    ],
)
def test_letters_of_rarer_scripts_become_blanks(text: str, found: str) -> None:
    assert in_main_script(text) == found


@given(st.text())
def test_only_letters_change_and_a_second_time_changes_nothing(text: str) -> None:
    once = in_main_script(text)
    assert len(once) == len(text)
    assert all(a == b or (a.isalpha() and b == " ") for a, b in zip(text, once, strict=True))
    assert in_main_script(once) == once


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_a_text_of_ascii_stays_as_it_is(text: str) -> None:
    assert in_main_script(text) == text
