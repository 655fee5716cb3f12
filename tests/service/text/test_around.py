"""A text cut around its protected spans."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.spans import Span
from service.text.around import pieces_around
from service.text.masking import Protected
from service.text.protection.find import find_protected
from service.text.words import has_words
from tests.support.service.texts import TEXTS


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Hello {name}, how are you?", ["Hello", "how are you?"]),
        ("Press <b>Save</b> or <i>Cancel</i>.", ["Press", "Save", "or", "Cancel"]),
        ("See {a} (the old one), please.", ["See", "(the old one), please."]),
        ("He said: \u00ab{a} is here\u00bb and left.", ["He said", "is here\u00bb and left."]),
        ("{a} - {b}: 12", []),
        ("\u00bfConoces a {a}?", ["Conoces a"]),
    ],
)
def test_pieces_are_without_the_marks_at_their_edges(text: str, pieces: list[str]) -> None:
    spans = pieces_around(text, find_protected(text))
    assert [text[span.start : span.stop] for span in spans] == pieces


@given(TEXTS, st.data())
def test_pieces_are_in_order_have_words_and_hold_nothing_protected(
    text: str, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    spans = [Protected(a, b, text[a:b]) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    for protected in (spans, find_protected(text)):
        pieces = pieces_around(text, protected)
        everything = sorted([*pieces, *(Span(p.start, p.stop) for p in protected)])
        assert all(a.stop <= b.start for a, b in pairwise(everything))
        assert all(has_words(text[piece.start : piece.stop]) for piece in pieces)
