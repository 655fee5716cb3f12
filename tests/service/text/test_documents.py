"""Texts as segments and back: nothing is lost, not even a blank."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.documents import Document, Mode, Segment, split
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
        *("> ", "* ", "- [ ] ", "# ", "a) ", "1.2. ", "— ", "== ", "**", "_", "|", " | ", "    "),
        *(
            "```",
            "```js\n",
            "~~~\n",
            "✅ ",
            "👍🏽",
            "1\ufe0f\u20e3",
            "\u200d",
            "♪",
            "10 km",
            "A-1/B",
        ),
        *("and so ", "Dr. ", "… ", "« ", " »", "etc. ", "Über-\n", "\x0b", "\x85", "\u3000", "\\"),
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=20).map("".join)
MODES: list[Mode] = ["sentences", "newlines", "none"]


LINE_MODES: list[Mode] = ["sentences", "nonewlines", "newlines"]


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
        pytest.param("It is done. A.", ["It is done. A."], id="backward"),
        pytest.param("Go. It is late.", ["Go.", "It is late."], id="two letters stand alone"),
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
        pytest.param("Is it here?No!Yes.", ["Is it here?", "No!", "Yes."], id="no address"),
    ],
)
def test_no_sentence_ends_within_an_address(text: str, segments: list[str]) -> None:
    assert texts_of(split(text, mode="sentences", language="en")) == segments


def test_a_line_of_nothing_but_scraps_takes_one_pass() -> None:
    """Counted again from the first scrap for each new one, the letters take seconds."""
    text = "1. " * 16_000
    before_s = time.process_time()
    assert split(text, mode="sentences", language="en") == Document(text, ())
    assert time.process_time() - before_s < 2.0


@pytest.mark.parametrize("text", ["", "  123 ", "One. Two.\n"])
def test_verbatim_makes_one_segment_of_any_text(text: str) -> None:
    assert split(text, mode="verbatim", language=None) == Document("", (Segment(text, ""),))


@pytest.mark.parametrize("mode", LINE_MODES)
@pytest.mark.parametrize(
    ("text", "lead", "segments"),
    [
        pytest.param("* Milk\n* Bread", "* ", [("Milk", "\n* "), ("Bread", "")], id="bullets"),
        pytest.param("a) Go.\nb) Stay.", "a) ", [("Go.", "\nb) "), ("Stay.", "")], id="numbers"),
        pytest.param("> Beware.", "> ", [("Beware.", "")], id="quotation"),
        pytest.param("♪ I love you ♪", "♪ ", [("I love you", " ♪")], id="notes"),
        pytest.param("✅ Done", "✅ ", [("Done", "")], id="emoji"),
        pytest.param(
            "2022-03-19\t13:34:33\tabout two hours",
            "2022-03-19\t13:34:33\t",
            [("about two hours", "")],
            id="tabs",
        ),
        pytest.param(
            "| Name | 10 km |\n|---|:-:|\n| Anna | B b |",
            "| ",
            [("Name", " | 10 km |\n|---|:-:|\n| "), ("Anna", " | "), ("B b", " |")],
            id="table",
        ),
        pytest.param(
            "```js\nlet it = be\n```\nCode.",
            "```js\nlet it = be\n```\n",
            [("Code.", "")],
            id="code",
        ),
        pytest.param(
            "Code:\n  ~~~\n  a\n  ```\n  ~~~~\nDone.",
            "",
            [("Code:", "\n  ~~~\n  a\n  ```\n  ~~~~\n"), ("Done.", "")],
            id="fences in fences",
        ),
        pytest.param("Code:\n```\na\n\nb", "", [("Code:", "\n```\na\n\nb")], id="open fence"),
        pytest.param("Use ```x``` here.", "", [("Use ```x``` here.", "")], id="no fence"),
        pytest.param(
            "Hello.\r\nHi.\r\n\r\nBye.",
            "",
            [("Hello.", "\r\n"), ("Hi.", "\r\n\r\n"), ("Bye.", "")],
            id="line ends",
        ),
    ],
)
def test_layout_lies_between_the_segments(
    mode: Mode, text: str, lead: str, segments: list[tuple[str, str]]
) -> None:
    document = split(text, mode=mode, language="en")
    assert document.lead == lead
    assert [(segment.text, segment.gap) for segment in document.segments] == segments


def test_an_emoji_between_two_sentences_is_copied() -> None:
    document = split("Haha, yes! 😆 They came. 🎉", mode="sentences", language="en")
    assert document.reassemble(["Ja!", "Sie kamen."]) == "Ja! 😆 Sie kamen. 🎉"


def test_a_mark_before_a_later_sentence_of_a_line_is_copied() -> None:
    document = split(
        "- Hello there. - How are you? (2) **It is so.**", mode="sentences", language="en"
    )
    assert document.reassemble(["A", "B", "C"]) == "- A - B (2) **C**"


def test_a_run_of_blanks_within_a_sentence_is_kept_in_its_answer() -> None:
    document = split("I am  fine.", mode="sentences", language="en")
    assert texts_of(document) == ["I am  fine."]
    assert document.reassemble(["Mir geht es gut."]) == "Mir geht  es gut."


@pytest.mark.parametrize("mode", ["none", "verbatim"])
def test_layout_within_one_segment_is_the_models(mode: Mode) -> None:
    document = split("* Milk  and\n* Bread", mode=mode, language="en")
    assert texts_of(document) == ["* Milk  and\n* Bread"]
    assert document.reassemble(["Milch und Brot"]) == "Milch und Brot"


@given(text=TEXTS)
def test_joined_lines_are_edits_of_the_text(text: str) -> None:
    document = split(text, mode="nonewlines", language="en")
    row = document.lead + "".join(segment.text + segment.gap for segment in document.segments)
    origin = document.origin
    assert (
        (text, text) == (row, text)
        if origin is None
        else (origin.source, origin.text) == (text, row)
    )


def letters(text: str) -> str:
    """Return a text without what wrapping changes: white space, quotation, hyphens."""
    return "".join(text.replace(">", "").replace("-", "").split())


@pytest.mark.parametrize("mode", LINE_MODES)
@given(text=TEXTS)
def test_spans_hold_the_words_of_each_segment(mode: Mode, text: str) -> None:
    document = split(text, mode=mode, language="en")
    own = texts_of(document)
    answer = document.edited(own)
    assert answer.text == document.reassemble(own)
    for span, segment in zip(document.row_spans(own), own, strict=True):
        source, target = document.to_source(span), answer.to_result(span)
        assert letters(text[source.start : source.stop]) == letters(segment)
        assert letters(answer.text[target.start : target.stop]) == letters(segment)


@given(text=TEXTS, size=st.integers(1, 9))
def test_a_divided_document_has_the_same_text(text: str, size: int) -> None:
    document = split(text, mode="sentences", language="en")
    parts = [[own[at : at + size] for at in range(0, len(own), size)] for own in texts_of(document)]
    divided = document.divided(parts)
    assert divided.reassemble(texts_of(divided)) == text
    assert all(has_words(segment.text) for segment in divided.segments)
