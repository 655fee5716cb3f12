"""Stand-ins in place of protected spans, and back."""

from hypothesis import given
from hypothesis import strategies as st

from service.spans import Span
from service.text.masking import Masked, Protected, by_precedence, leftmost_longest, mask

NAMES = ("X1", "X2", "X3")


def masked(text: str, *protected: Protected) -> Masked:
    found = mask(text, protected, NAMES)
    assert found is not None
    return found


def test_a_stand_in_takes_the_place_of_each_span_and_comes_back_as_its_replacement() -> None:
    hello = masked("Hi {a}, {b}!", Protected(3, 6, "{a}"), Protected(8, 11, "[b]"))
    assert hello.edited.text == "Hi X1, X2!"
    restored = hello.restore("X2, X1!")
    assert restored is not None
    assert restored.text == "[b], {a}!"
    assert restored.replaced == (Span(0, 3), Span(5, 8))


def test_an_output_that_lost_or_doubled_a_stand_in_is_not_restored() -> None:
    hello = masked("Hi {a}", Protected(3, 6, "{a}"))
    assert hello.restore("Hallo") is None
    assert hello.restore("X1 X1") is None


def test_a_stand_in_that_the_text_has_is_not_used() -> None:
    assert masked("X1 {a}", Protected(3, 6, "{a}")).names == ("X2",)


def test_more_spans_than_stand_ins_are_not_masked() -> None:
    assert mask("abcd", [Protected(i, i + 1, "") for i in range(4)], NAMES) is None


def test_a_stand_in_that_holds_another_is_not_used_beside_it() -> None:
    found = mask("a b", [Protected(0, 1, "a"), Protected(2, 3, "b")], ["X1", "X11", "X2"])
    assert found is not None
    assert found.names == ("X1", "X2")


def test_a_stand_in_that_its_neighbours_make_twice_is_not_used() -> None:
    assert mask("{a}XX1", [Protected(0, 3, "{a}")], ["XX1X"]) is not None
    assert mask("{a}X1", [Protected(0, 3, "{a}")], ["1X1"]) is None


@given(st.text("abX1 ", max_size=12), st.data())
def test_what_is_masked_and_not_translated_comes_back(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6, unique=True)))
    spans = [Protected(a, b, text[a:b]) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    found = mask(text, spans, NAMES)
    if found is not None:
        restored = found.restore(found.edited.text)
        assert restored is not None
        assert restored.text == text


def test_the_leftmost_and_then_the_longest_of_overlapping_spans_is_kept() -> None:
    spans = [
        Protected(2, 4, "b"),
        Protected(0, 2, "short"),
        Protected(0, 3, "a"),
        Protected(3, 5, "c"),
    ]
    assert leftmost_longest(spans) == (Protected(0, 3, "a"), Protected(3, 5, "c"))


def test_a_span_of_a_later_group_gives_way_to_those_before() -> None:
    first, second = [Protected(3, 5, "")], [Protected(0, 4, ""), Protected(5, 7, "")]
    assert by_precedence(first, second) == (Protected(3, 5, ""), Protected(5, 7, ""))
    assert by_precedence() == ()
