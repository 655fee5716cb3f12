import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.spans import Span
from service.text.capitals import is_shouted, lowered, raised

TEXTS = st.text(alphabet="ABCIVX aéßłñ.!?-'\u2019{}1 2_ÄÖÜПРИΣ中", max_size=60) | st.text(
    max_size=60
)


def cut(text: str, numbers: list[int]) -> list[Span]:
    """Return spans of the text between pairs of sorted numbers."""
    points = sorted({number % (len(text) + 1) for number in numbers})
    return [Span(*pair) for pair in zip(points[::2], points[1::2], strict=False)]


@pytest.mark.parametrize(
    "text",
    [
        "DO NOT OPEN THE DOOR!",
        "ACHTUNG, BITTE ZURÜCKTRETEN!",
        "L'ÉTÉ EST LÀ.",
        "¡NO ABRAS LA PUERTA!",
        "ПРИВЕТ МИР",
        "WARNING",
        "READ THE NATO REPORT",
    ],
)
def test_a_sentence_in_capitals_is_shouted(text: str) -> None:
    assert is_shouted(text)


@pytest.mark.parametrize(
    "text",
    [
        "Do not open the door!",
        "NATO",
        "USB-C",
        "OK",
        "USB, HDMI",
        "MAX_SIZE",
        "COVID-19",
        "LUDWIG der XIV",
        "Die Tür ist OFFEN",
        "我爱你",
        "مرحبا بالعالم",
        "1 2 3",
        "",
    ],
)
def test_an_acronym_or_an_ordinary_sentence_is_not_shouted(text: str) -> None:
    assert not is_shouted(text)


def test_what_is_kept_does_not_count() -> None:
    text = "DELETE {name} NOW"
    assert not is_shouted(text)
    assert is_shouted(text, kept=[Span(7, 13)])
    assert not is_shouted("{LONG_NAME} OK", kept=[Span(0, 11)])


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("DO NOT OPEN THE DOOR!", "en", "Do not open the door!"),
        ("I KNOW THAT I'M LATE.", "en", "I know that I'm late."),
        ("LOS NIÑOS I MÁS", "es", "Los niños i más"),
        ("¡ALTO! ¿QUIÉN ES?", "es", "¡Alto! ¿Quién es?"),
        (
            "READ THE NATO FILE ABOUT USB-C AND HTML.",
            "en",
            "Read the NATO file about USB-C and HTML.",
        ),
        ("E-MAIL ME 2 MP3S", "en", "E-mail me 2 MP3S"),
        ("LUDWIG XIV IST TOT", "de", "Ludwig XIV ist tot"),
        ("ΟΔΟΣ", "el", "Οδος"),
    ],
)
def test_a_text_in_capitals_is_written_as_a_sentence(
    text: str, language: str, expected: str
) -> None:
    assert lowered(text, language=language).text == expected


def test_what_is_kept_is_not_written_otherwise() -> None:
    assert lowered("SEND {NAME} AN E-MAIL", kept=[Span(5, 11)]).text == "Send {NAME} an e-mail"
    assert raised("Send {name} now", kept=[Span(5, 11)]).text == "SEND {name} NOW"


def test_sharp_s_becomes_two_letters_and_spans_follow() -> None:
    edited = raised("die Straße hier")
    assert edited.text == "DIE STRASSE HIER"
    assert edited.to_result(Span(4, 10)) == Span(4, 11)
    assert edited.to_source(Span(12, 16)) == Span(11, 15)


@pytest.mark.parametrize("text", ["İSTANBUL NEREDE", "LE CAFE\u0301 EST PRE\u0301T"])
def test_letters_with_marks_are_in_capitals_again(text: str) -> None:
    assert raised(lowered(text).text).text == text


@given(TEXTS)
def test_a_sentence_in_capitals_is_the_same_again(text: str) -> None:
    text = "".join(char for char in text.upper() if char.lower().upper() == char)
    assert raised(lowered(text).text).text == text


@given(TEXTS, st.lists(st.integers(0, 100), max_size=6))
def test_kept_spans_come_back_unchanged(text: str, numbers: list[int]) -> None:
    kept = cut(text, numbers)
    for edited in (lowered(text, kept=kept), raised(text, kept=kept)):
        for span in kept:
            found = edited.to_result(span)
            assert edited.text[found.start : found.stop] == text[span.start : span.stop]


@given(TEXTS)
def test_an_answer_in_capitals_has_no_small_letter_that_has_a_capital(text: str) -> None:
    words = re.findall(r"\w+", raised(text).text)
    assert [word for word in words if word != word.upper()] == []
