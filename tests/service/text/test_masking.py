"""Stand-ins in place of protected spans, and back."""

from hypothesis import given
from hypothesis import strategies as st

from service.spans import Span
from service.text.masking import Masked, Protected, by_precedence, mask, outside
from service.text.protection.find import find_protected
from tests.support.service.texts import TEXTS

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


SPANS = st.lists(st.integers(0, 30), max_size=10, unique=True).map(
    lambda ends: list(zip(sorted(ends)[::2], sorted(ends)[1::2], strict=False))
)


@given(st.text(alphabet="ab ", min_size=31, max_size=31), SPANS, SPANS)
def test_what_is_outside_of_others_is_all_but_them_and_blanks(
    text: str, some: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    spans = [Protected(a, b, text[a:b]) for a, b in some]
    taken = [Protected(a, b, "?") for a, b in others]
    parts = outside(spans, taken)
    assert all(part.replacement == text[part.start : part.stop] for part in parts)
    found = [at for part in parts for at in range(part.start, part.stop)]
    assert found == sorted(set(found))
    covered = {at for a, b in some for at in range(a, b)}
    covered -= {at for a, b in others for at in range(a, b)}
    assert set(found) <= covered
    assert not "".join(text[at] for at in covered - set(found)).strip()


def test_two_that_gave_up_the_same_blank_have_places_of_their_own() -> None:
    inner = masked("a{x}b{y}c", Protected(1, 4, "{x}"), Protected(5, 8, "{y}"))
    assert inner.edited.text == "a X1 b X2 c"
    restored = inner.restore("b X2 X1 c")
    assert restored is not None
    assert restored.text == "b{y}{x}c"
    assert inner.places(restored) == (Span(4, 7), Span(1, 4))


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
    assert mask("{a}##1", [Protected(0, 3, "{a}")], ["##1#"]) is not None
    assert mask("{a}#1", [Protected(0, 3, "{a}")], ["1#1"]) is None


@given(st.text("abX1 ", max_size=12), st.data())
def test_what_is_masked_and_not_translated_comes_back(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6, unique=True)))
    spans = [Protected(a, b, text[a:b]) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    found = mask(text, spans, NAMES)
    if found is not None:
        restored = found.restore(found.edited.text)
        assert restored is not None
        assert restored.text == text


def test_a_span_of_a_later_group_gives_way_to_those_before() -> None:
    first, second = [Protected(3, 5, "")], [Protected(0, 4, ""), Protected(5, 7, "")]
    assert by_precedence(first, second) == (Protected(3, 5, ""), Protected(5, 7, ""))
    assert by_precedence() == ()


def test_a_stand_in_does_not_touch_a_word_and_its_span_does_again() -> None:
    text = "Press <b>Save</b>!"
    press = masked(text, *find_protected(text))
    assert press.edited.text == "Press X1 Save X2!"
    restored = press.restore("X1 Sichern X2 drücken!")
    assert restored is not None
    assert restored.text == "<b>Sichern</b> drücken!"


def test_a_stand_in_that_became_part_of_a_word_did_not_come_through() -> None:
    new = masked("{a} is new.", Protected(0, 3, "{a}"))
    assert new.restore("X12 ist neu.") is None
    assert new.restore("LX1 ist neu.") is None
    assert new.restore("X1\u306f\u65b0\u3057\u3044\u3002") is not None


@given(TEXTS)
def test_an_unchanged_output_gives_the_text_with_all_that_is_found_in_it(text: str) -> None:
    protected = find_protected(text)
    copy = mask(text, protected, [f"X{n}Y" for n in range(len(protected) + 1)])
    if copy is not None:
        restored = copy.restore(copy.edited.text)
        assert restored is not None
        assert restored.text == text
