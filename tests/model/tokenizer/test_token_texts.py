import pytest

from model.tokenizer.token_texts import LeadingBlanks, TokenTexts

PIECES = {2: b" ", 3: b" the", 4: b"s", 5: b"  a", 6: b"\xe2\x82", 7: b"\xac"}


def texts(leading_blanks: LeadingBlanks = LeadingBlanks.KEPT) -> TokenTexts:
    return TokenTexts(
        PIECES, silent_ids=frozenset({0, 1}), unknown=b" ? ", leading_blanks=leading_blanks
    )


@pytest.mark.parametrize(
    ("policy", "ids", "expected"),
    [
        (LeadingBlanks.KEPT, [3, 3], " the the"),
        (LeadingBlanks.ONE_DROPPED, [3, 3], "the the"),
        (LeadingBlanks.ONE_DROPPED, [2, 3], " the"),
        (LeadingBlanks.ONE_DROPPED, [4, 3], "s the"),
        (LeadingBlanks.ALL_DROPPED, [2, 2, 3, 2], "the "),
        (LeadingBlanks.ALL_DROPPED, [0, 2, 1, 3], "the"),
        (LeadingBlanks.ALL_DROPPED, [5], " a"),
        (LeadingBlanks.ALL_DROPPED, [9, 3], " ?  the"),
    ],
)
def test_blanks_in_front_are_dropped_as_far_as_is_asked_for(
    policy: LeadingBlanks, ids: list[int], expected: str
) -> None:
    assert texts(policy).decode(ids) == expected


def test_a_character_may_be_spelled_by_several_ids() -> None:
    assert texts().decode([4, 6, 7, 4]) == texts().decode([4, 6, 0, 7, 4]) == "s€s"
    assert texts().decode([6]) == texts().decode([7]) == "\ufffd"
