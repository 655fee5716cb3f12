import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.spans import Span
from service.text.edits import Edited
from service.text.glossary import Entry, Glossary, Match, Mode
from service.text.masking import mask
from service.text.terms import clear_of, missing, stand_ins_for, written_in


def matches(text: str, *entries: Entry) -> tuple[Match, ...]:
    return Glossary(entries).find(text)


def one(target: str | None, *, mode: Mode = "enforce", text: str = "one") -> tuple[Match, ...]:
    return matches(text, Entry("one", target, mode))


def test_a_term_in_a_protected_span_is_not_translated() -> None:
    text = "one https://one.example/one two one"
    found = matches(text, Entry("one", "eins"), Entry("two", "zwei"))

    kept = clear_of(found, [Span(4, 27)])

    assert [(match.start, match.target) for match in kept] == [
        (0, "eins"),
        (28, "zwei"),
        (32, "eins"),
    ]


def test_a_term_that_touches_a_protected_span_is_kept() -> None:
    found = matches("{x}one{y}", Entry("one", "eins"))

    assert clear_of(found, [Span(0, 3), Span(6, 9)]) == found
    assert clear_of(found, [Span(0, 4), Span(6, 9)]) == ()
    assert clear_of(found, [Span(0, 3), Span(5, 9)]) == ()


@given(
    st.lists(st.integers(0, 40), max_size=8, unique=True).map(sorted),
    st.lists(st.integers(0, 40), max_size=8, unique=True).map(sorted),
)
def test_those_are_kept_that_share_no_character_with_a_span(a: list[int], b: list[int]) -> None:
    entry = Entry("x", None)
    found = [Match(i, j, entry, "x") for i, j in zip(a[::2], a[1::2], strict=False)]
    spans = [Span(i, j) for i, j in zip(b[::2], b[1::2], strict=False)]

    apart = [m for m in found if all(m.stop <= s.start or s.stop <= m.start for s in spans)]

    assert list(clear_of(found, spans)) == apart


@pytest.mark.parametrize("output", ["ein Konto", "KONTO!", "das Konto\u2019s"])
def test_a_target_in_the_output_is_not_missing(output: str) -> None:
    assert missing(one("Konto"), output) == ()


@pytest.mark.parametrize("output", ["", "ein konto", "Kontos", "Kontostand", "Account"])
def test_an_enforced_target_is_missing_in_any_other_form(output: str) -> None:
    found = one("Konto")

    assert missing(found, output) == found


def test_a_target_may_begin_the_answer_though_its_term_did_not_begin_the_sentence() -> None:
    assert missing(one("sichern"), "Sichern Sie.") == ()


def test_a_target_is_wanted_as_often_as_its_term_was_found() -> None:
    found = matches("one, one and one", Entry("one", "eins"))

    assert missing(found, "eins und eins") == found[2:]


def test_a_target_within_another_is_missing() -> None:
    found = matches(
        "file file system", Entry("file", "Datei"), Entry("file system", "Datei-System")
    )

    assert missing(found, "Datei-System") == found[:1]


@pytest.mark.parametrize("output", ["die Kontos", "viele Konten", "Häuser, Konto"])
def test_a_preferred_target_may_be_inflected(output: str) -> None:
    assert missing(one("Konto", mode="prefer"), output) == ()


@pytest.mark.parametrize("output", ["Account", "Kontinuität des Ganzen", "Kondor"])
def test_a_preferred_target_is_not_any_other_word(output: str) -> None:
    found = one("Konto", mode="prefer")

    assert missing(found, output) == found


def test_a_preferred_target_of_two_words_needs_both() -> None:
    found = one("großes Haus", mode="prefer")

    assert missing(found, "in großen Häusern") == ()
    assert missing(found, "in großen Gärten") == found


def test_a_term_left_as_it_is_is_wanted_as_the_text_has_it() -> None:
    found = one(None, text="Use one.")

    assert missing(found, "Nutze one.") == ()
    assert missing(found, "Nutze eins.") == found


def test_a_term_may_have_more_blanks_than_a_glossary_takes() -> None:
    text = f"Open{' ' * 2_000}file"
    found = matches(text, Entry("open file", None))

    assert missing(found, "Datei") == found
    assert missing(found, "open file") == ()


def test_targets_are_written_into_the_source() -> None:
    text = "Save one with two."
    found = matches(
        text, Entry("save", "sichern"), Entry("one", None), Entry("two", "zwei", "prefer")
    )

    assert Edited.of(text, written_in(found)).text == "Sichern one with zwei."


def test_only_enforced_terms_have_stand_ins() -> None:
    text = "one or two"
    found = matches(text, Entry("one", "eins"), Entry("two", "zwei", "prefer"))

    assert [(p.start, p.stop) for p in stand_ins_for(text, found)] == [(0, 3)]


@pytest.mark.parametrize(
    ("text", "output", "restored"),
    [
        ("Save the file.", "X1 die Datei.", "Sichern die Datei."),
        ("Save the file.", "Die Datei X1.", "Die Datei sichern."),
        ("“Save the file.”", "„X1 die Datei.“", "„Sichern die Datei.“"),
        ("SAVE THE FILE.", "DIE DATEI X1.", "DIE DATEI SICHERN."),
        ("Please save it.", "X1 Sie bitte.", "Sichern Sie bitte."),
        ("Use Save now.", "Nun X1 nutzen.", "Nun Sichern nutzen."),
    ],
)
def test_a_target_is_capitalized_by_its_place_in_the_answer(
    text: str, output: str, restored: str
) -> None:
    masked = mask(text, stand_ins_for(text, matches(text, Entry("save", "sichern"))), ["X1"])

    assert masked is not None
    answer = masked.restore(output)
    assert answer is not None
    assert answer.text == restored


def test_a_term_left_as_it_is_comes_back_as_it_was() -> None:
    text = "use npm now"
    masked = mask(text, stand_ins_for(text, matches(text, Entry("npm", None))), ["X1"])

    assert masked is not None
    answer = masked.restore("X1 nutzen")
    assert answer is not None
    assert answer.text == "npm nutzen"
