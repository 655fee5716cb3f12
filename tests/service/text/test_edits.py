"""Replace parts of a text, and follow spans through the replacements."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.spans import Span
from service.text.edits import Chain, Edit, Edited

HELLO = Edited.of("Hi {name}!", [Edit(3, 9, "X1")])


@st.composite
def edited_texts(draw: st.DrawFn) -> Edited:
    text = draw(st.text(max_size=20))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    spans = zip(cuts[::2], cuts[1::2], strict=False)
    return Edited.of(text, [Edit(a, b, draw(st.text(max_size=4))) for a, b in spans])


def test_an_edit_takes_the_place_of_its_span() -> None:
    assert HELLO.text == "Hi X1!"
    assert HELLO.replaced == (Span(3, 5),)


def test_no_edits_change_nothing() -> None:
    assert Edited.of("abc").text == "abc"
    assert Edited.of("abc").to_source(Span(1, 2)) == Span(1, 2)


@pytest.mark.parametrize(
    ("result", "source"),
    [(Span(0, 2), Span(0, 2)), (Span(3, 5), Span(3, 9)), (Span(5, 6), Span(9, 10))],
)
def test_a_span_is_followed_in_both_directions(result: Span, source: Span) -> None:
    assert HELLO.to_source(result) == source
    assert HELLO.to_result(source) == result


def test_a_part_of_an_edit_leads_to_all_of_its_span() -> None:
    assert HELLO.to_source(Span(3, 4)) == Span(3, 9)
    assert HELLO.to_result(Span(5, 6)) == Span(3, 5)


@pytest.mark.parametrize(
    "edits", [[Edit(2, 1, "")], [Edit(0, 2, ""), Edit(1, 3, "")], [Edit(0, 9, "")]]
)
def test_edits_that_overlap_or_leave_the_text_are_refused(edits: list[Edit]) -> None:
    with pytest.raises(ValueError, match="of a text of 3"):
        Edited.of("abc", edits)


@given(edited_texts(), st.data())
def test_kept_characters_are_the_same_on_both_sides(edited: Edited, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, max(len(edited.text) - 1, 0)))
    span = edited.to_source(Span(at, min(at + 1, len(edited.text))))
    is_replaced = any(each.start <= at < each.stop for each in edited.replaced)
    if edited.text and not is_replaced:
        assert edited.source[span.start : span.stop] == edited.text[at]
        assert edited.to_result(span) == Span(at, at + 1)


@given(edited_texts(), st.data())
def test_a_followed_span_lies_within_the_other_text(edited: Edited, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(edited.text)))
    stop = data.draw(st.integers(start, len(edited.text)))
    there = edited.to_source(Span(start, stop))
    assert 0 <= there.start <= there.stop <= len(edited.source)


def test_a_chain_follows_a_span_through_all_rounds() -> None:
    second = Edited.of(HELLO.text, [Edit(0, 2, "Hello")])
    chain = Chain(HELLO.source, [HELLO, second])
    assert chain.text == "Hello X1!"
    assert chain.to_source(Span(6, 8)) == Span(3, 9)
    assert chain.to_result(Span(3, 9)) == Span(6, 8)
    assert Chain("abc").text == "abc"
