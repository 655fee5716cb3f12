"""Texts as segments and back: nothing is lost, not even a blank."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.documents import Document, Mode, Segment, split, split_to_fit
from service.text.words import has_words

# Texts rich in what splitting looks at, mixed with any character at all.
PIECES = st.sampled_from(
    [
        "Hello there. ",
        "M. Dupont",
        "a",
        "\n",
        "\r\n",
        "\u2028",
        "  ",
        ". ",
        "!",
        "1. ",
        "你好。",
        "\t",
        "https://a.org/B?C=D!E ",
        "f@g.org",
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=20).map("".join)
MODES: list[Mode] = ["sentences", "newlines", "none"]


def texts_of(document: Document) -> list[str]:
    return [segment.text for segment in document.segments]


@pytest.mark.parametrize("mode", MODES)
@given(text=TEXTS)
def test_the_segments_own_texts_reassemble_to_the_document(mode: Mode, text: str) -> None:
    document = split(text, mode=mode, language="en")
    assert document.reassemble(texts_of(document)) == text


@given(text=TEXTS)
def test_a_segment_has_words_and_no_blanks_around(text: str) -> None:
    for segment in split(text, mode="sentences", language="en").segments:
        assert has_words(segment.text)
        assert segment.text == segment.text.strip()


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        pytest.param("sentences", ["One is here.", "Two is there.", "Three."], id="sentences"),
        pytest.param("newlines", ["One is here.  Two is there.", "Three."], id="newlines"),
        pytest.param("none", ["One is here.  Two is there.\n\n\tThree."], id="none"),
    ],
)
def test_the_mode_decides_where_segments_end(mode: Mode, expected: list[str]) -> None:
    text = "One is here.  Two is there.\n\n\tThree.\n"
    assert texts_of(split(text, mode=mode, language="en")) == expected


def test_white_space_stays_between_translations() -> None:
    document = split("  One is.  Two is.\n\n\tThree is. ", mode="sentences", language="en")
    assert document.reassemble(["A", "B", "C"]) == "  A  B\n\n\tC "


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        pytest.param("M. Dupont arrive.", ["M. Dupont arrive."], id="forward"),
        pytest.param("It is done. OK.", ["It is done. OK."], id="backward"),
        pytest.param("1. Introduction", ["1. Introduction"], id="number"),
        pytest.param("Go. It is late.", ["Go. It is late."], id="two letters"),
        pytest.param("Yes. It is late.", ["Yes.", "It is late."], id="three letters stand alone"),
        pytest.param("a.\nb.", ["a.", "b."], id="never over a line's end"),
    ],
)
def test_a_very_short_sentence_joins_its_neighbour(text: str, segments: list[str]) -> None:
    assert texts_of(split(text, mode="sentences", language="en")) == segments


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "text",
    [
        *("", "  \n\n ", "***", "12:30\n---\n🙂", "1 000 000,50"),
        *("https://example.com/A?B=Go!Now", "info@example.com\n(www.example.com).\n"),
    ],
)
def test_a_text_without_words_has_no_segments(mode: Mode, text: str) -> None:
    assert split(text, mode=mode, language="en") == Document(text, ())


def test_what_has_no_words_lies_between_the_segments_of_a_longer_document() -> None:
    text = "Our address:\n-----\n🙂🙂\nhttps://example.com/\n030 1234567\n\nWrite to us. a@b.org"
    document = split(text, mode="sentences", language="en")
    assert texts_of(document) == ["Our address:", "Write to us."]
    assert document.reassemble(["A", "B"]) == (
        "A\n-----\n🙂🙂\nhttps://example.com/\n030 1234567\n\nB a@b.org"
    )


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        pytest.param(
            "Look: https://example.com/Search?Q=Go!Now. It is there.",
            ["Look: https://example.com/Search?Q=Go!Now.", "It is there."],
            id="within a sentence",
        ),
        pytest.param(
            "Look there. https://example.com/Search?Q=Go!Now. It is there.",
            ["Look there.", "It is there."],
            id="between sentences",
        ),
        pytest.param("Is it here?No!Yes.", ["Is it here?", "No!Yes."], id="no address"),
    ],
)
def test_no_sentence_ends_within_an_address(text: str, segments: list[str]) -> None:
    assert texts_of(split(text, mode="sentences", language="en")) == segments


def test_a_line_of_nothing_but_scraps_takes_one_pass() -> None:
    """Counted again from the first scrap for each new one, the letters take seconds."""
    text = "1. " * 16_000
    before_s = time.process_time()
    assert split(text, mode="sentences", language="en") == Document(text, ())
    assert time.process_time() - before_s < 0.5


async def parts(text: str, limit: int) -> list[str]:
    async def fits(part: str) -> bool:
        return len(part) <= limit

    return await split_to_fit(text, fits)


@given(text=TEXTS, limit=st.integers(1, 30))
async def test_parts_that_fit_join_to_the_text(text: str, limit: int) -> None:
    found = await parts(text, limit)
    assert "".join(found) == text
    assert all(len(part.strip()) <= limit for part in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("aa bb. cc, dd ee", ["aa bb. ", "cc, dd ee"], id="sentence before clause"),
        pytest.param("aa bb cc, dd ee", ["aa bb cc, ", "dd ee"], id="clause before blank"),
        pytest.param("aaaaaa bbbbbb", ["aaaaaa ", "bbbbbb"], id="blank"),
        pytest.param("abcdefghijkl", ["abcdef", "ghijkl"], id="anywhere"),
        pytest.param(
            "你好世界。你好世界你好", ["你好世界。", "你好世界你好"], id="no blank needed"
        ),
        pytest.param("abcde\u0301fghijk", ["abcde\u0301", "fghijk"], id="accent kept"),
    ],
)
async def test_a_long_segment_is_cut_at_the_best_place(text: str, expected: list[str]) -> None:
    assert await parts(text, 10 if len(text) > 11 else 6) == expected


async def test_a_segment_that_fits_is_left_whole() -> None:
    assert await parts("One. Two. Three.", 16) == ["One. Two. Three."]


@pytest.mark.parametrize("text", ["", "  123 ", "One. Two.\n"])
def test_verbatim_makes_one_segment_of_any_text(text: str) -> None:
    assert split(text, mode="verbatim", language=None) == Document("", (Segment(text, ""),))
