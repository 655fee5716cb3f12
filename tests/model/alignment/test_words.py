from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.alignment.words import words


@pytest.mark.parametrize(
    ("text", "parted"),
    [
        ("", ""),
        ("  ", ""),
        ("Good morning, Tom!", "Good morning , Tom !"),
        ("I'm sure he'll say it's John's.", "I 'm sure he 'll say it 's John 's ."),
        ("I don't know, o'clock", "I don't know , o' clock"),
        (
            "l\u2019eau qu\u2019il n'a pas aujourd'hui",
            "l\u2019 eau qu\u2019 il n' a pas aujourd'hui",
        ),
        ("avez-vous", "avez - vous"),
        ("1,250.5 at 10:30, 3rd", "1,250.5 at 10:30 , 3rd"),
        ("日本語 カタ", "日 本 語 カ タ"),
        ("हिन्दी e\u0301te\u0301", "हिन्दी e\u0301te\u0301"),
        ("'dogs' ''", "' dogs ' ' '"),
        ("a_b ¿Qué?", "a_b ¿ Qué ?"),
        ("un\u00adable", "un\u00adable"),
    ],
)
def test_a_text_is_cut_into_words_and_signs(text: str, parted: str) -> None:
    assert [text[start:stop] for start, stop in words(text)] == parted.split()


@given(text=st.text() | st.text("ab'\u20191., 日-"))
def test_words_are_in_order_apart_and_hold_all_but_blanks(text: str) -> None:
    spans = words(text)
    assert all(start < stop for start, stop in spans)
    assert all(stop <= start for (_, stop), (start, _) in pairwise(spans))
    inside = {place for start, stop in spans for place in range(start, stop)}
    assert inside == {place for place, char in enumerate(text) if not char.isspace()}
