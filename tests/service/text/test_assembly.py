"""Texts and gaps become lines again, however small the pieces in which they come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.assembly import Assembly, Wrapping, runs_of_blanks
from service.text.edits import Edited

WRAPPING = Wrapping(width=12, newline="\n> ")
WORDS = st.lists(
    st.sampled_from(["a", "word", " ", "  ", "你好", "long-word", "\n", "."]), max_size=30
)
TEXTS = WORDS.map("".join)


def written(pieces: list[str], gap: str, wrapping: Wrapping | None) -> str:
    assembly = Assembly()
    assembly.begin(wrapping=wrapping)
    return "".join(map(assembly.add, pieces)) + assembly.gap(gap) + assembly.end()


def test_a_line_ends_before_the_word_that_does_not_fit() -> None:
    assert written(["It is late already."], "\n", WRAPPING) == "It is late\n> already.\n"


def test_a_word_longer_than_a_line_has_one_to_itself() -> None:
    assert written(["a extraordinarily b"], "", WRAPPING) == "a\n> extraordinarily\n> b"


def test_a_line_may_end_between_two_wide_signs() -> None:
    assert written(["你好你好"], "", Wrapping(2, "\n")) == "你好\n你好"


def test_a_gap_is_wrapped_up_to_its_newline_and_then_left_as_it_is() -> None:
    assert written(["It is late"], " 10 km.\n\n* * * * * * * *\n", WRAPPING) == (
        "It is late\n> 10 km.\n\n* * * * * * * *\n"
    )


def test_the_prefix_before_the_first_word_counts() -> None:
    assembly = Assembly("\n>>>>>>> ")
    assembly.begin(wrapping=WRAPPING)
    assert assembly.add("It is") + assembly.end() == "It\n> is"


def test_without_wrapping_each_piece_is_passed_on_at_once() -> None:
    assembly = Assembly()
    assembly.begin()
    assert [assembly.add("wo"), assembly.add("rd  "), assembly.gap(" ")] == ["wo", "rd  ", " "]


@pytest.mark.parametrize(
    ("own", "new", "expected"),
    [
        ("I am  fine.", "Mir geht es gut.", "Mir geht  es gut."),
        ("I am  fine.", "Gut.", "Gut."),
        ("One is.  Two is.", "Das Eine ist. Das Zweite ist.", "Das Eine ist. Das Zweite ist."),
        ("One is.  Two  is.", "A b c d", "A b c  d"),
        ("a  b", "c   d", "c   d"),
    ],
)
def test_a_run_of_blanks_is_restored_at_the_same_blank(own: str, new: str, expected: str) -> None:
    assembly = Assembly()
    assembly.begin(blanks=runs_of_blanks(own))
    assert assembly.add(new) + assembly.end() == expected


@given(text=TEXTS, gap=TEXTS, sizes=st.lists(st.integers(1, 5), min_size=1))
@pytest.mark.parametrize("wrapping", [None, WRAPPING])
def test_the_pieces_do_not_matter(
    wrapping: Wrapping | None, text: str, gap: str, sizes: list[int]
) -> None:
    pieces: list[str] = []
    at = 0
    while at < len(text):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(text[at : at + size])
        at += size
    assert written(pieces, gap, wrapping) == written([text], gap, wrapping)


@given(text=TEXTS, gap=TEXTS)
def test_the_edits_lead_from_the_row_of_texts_to_the_lines(text: str, gap: str) -> None:
    assembly = Assembly()
    assembly.begin(wrapping=WRAPPING, blanks=runs_of_blanks("a  b c  d"))
    lines = assembly.add(text) + assembly.gap(gap) + assembly.end()
    assert Edited.of(text + gap, assembly.edits).text == lines
    assert lines.replace("\n> ", "").split() == (text + gap).replace("\n> ", "").split() or (
        "".join(lines.split()).replace(">", "") == "".join((text + gap).split())
    )
