"""Lines are cut where a person would cut them, in four languages; in others nearly so."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.sentences import sentences

# One file for each language: on each line a text, with " | " where a sentence begins.
FILES = sorted((Path(__file__).parent / "sentences").glob("*.txt"))
CASES = [
    pytest.param(path.stem, line.split(" | "), id=f"{path.stem}: {line}")
    for path in FILES
    for line in path.read_text(encoding="utf-8").splitlines()
]
PIECES = st.sampled_from(
    [
        *("Dr. ", "etc. ", "p.m. ", "No. ", "A. ", "5. ", "XIV. ", "e.g. ", "z. ", "B. "),
        *("He left. ", "Why? ", "word ", "Then ", "… ", ".) ", "“ ", "« ", " » ", "! ", "-", "5"),
        *("你好。", "Über. ", "a@b.org ", "https://a.org/B?C=D!E ", "\n", "\u00a0", "😀 "),
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=4), max_size=20).map("".join)


def cut(text: str, language: str) -> list[str]:
    return [sentence.strip() for sentence in sentences(text, language=language)]


@pytest.mark.parametrize(("language", "expected"), CASES)
def test_a_line_is_cut_where_a_person_would(language: str, expected: list[str]) -> None:
    assert cut(" ".join(expected), language) == expected


@given(text=TEXTS, language=st.sampled_from(["en", "de", "fr", "es", "pt", "zh", "xx"]))
def test_the_sentences_joined_are_the_line(text: str, language: str) -> None:
    assert "".join(sentences(text, language=language)) == text


def test_a_region_does_not_change_the_rules() -> None:
    assert cut("Am 3. Oktober kam er. Dann ging er.", "de-AT") == [
        "Am 3. Oktober kam er.",
        "Dann ging er.",
    ]


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("pt", ["O Sr. Silva chegou.", "Ele pesa aprox. 5 kg."]),
        ("it", ["Il sig. Rossi arriva.", "Vedi pag. 5."]),
        ("nl", ["Dhr. Jansen komt.", "Hij is er."]),
        ("ru", ["Он пришёл вчера.", "Она ушла."]),
        ("ar", ["مرحبا بكم.", "كيف حالك؟", "بخير."]),
        ("hi", ["नमस्ते दोस्तों।", "आप कैसे हैं?", "ठीक हूँ।"]),
        ("th", ["สวัสดีครับ.", "ผมชื่อทอม."]),
        ("ko", ["안녕하세요.", "저는 톰입니다."]),
        ("ka", ["გამარჯობა მეგობარო.", "როგორ ხარ?"]),
    ],
)
def test_other_languages_are_cut_too(language: str, expected: list[str]) -> None:
    assert cut(" ".join(expected), language) == expected


@pytest.mark.parametrize("language", ["zh", "ja", "en"])
def test_no_blank_is_needed_after_a_wide_full_stop(language: str) -> None:
    assert cut("我今天很高兴。你好吗朋友\uff1f", language) == ["我今天很高兴。", "你好吗朋友\uff1f"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("It is here.Then it left.", ["It is here.", "Then it left."], id="forgotten"),
        pytest.param("Call java.util.List now.", ["Call java.util.List now."], id="identifier"),
        pytest.param("Is it Node.js or ASP.NET?", ["Is it Node.js or ASP.NET?"], id="name"),
    ],
)
def test_a_stop_within_a_word_ends_a_sentence_only_before_a_word_that_begins_one(
    text: str, expected: list[str]
) -> None:
    assert cut(text, "en") == expected


@pytest.mark.parametrize("scrap", ["A. ", "a. ", "1. ", "at 5 p.m. Monday ", "etc. Monday ", "( "])
def test_a_line_of_what_ends_no_sentence_takes_linear_time(scrap: str) -> None:
    """A look back to the line's beginning at each stop takes minutes."""
    line = scrap * (60_000 // len(scrap))
    before_s = time.process_time()
    assert "".join(sentences(line, language="en")) == line
    assert time.process_time() - before_s < 8.0


@pytest.mark.parametrize("blank", ["\u3000", "\u2003", "\u00a0", "\u202f"])
def test_a_wide_blank_before_an_initial_harms_nothing(blank: str) -> None:
    line = f"A-1/B{blank}. F Later."
    assert "".join(sentences(line, language="en")) == line
