"""Hard-wrapped lines become one text for the model; other lines stay apart."""

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.spans import Span
from service.text.documents import split

WORDS = st.lists(
    st.sampled_from(
        ["the", "house", "It", "rains.", "Why?", "Anna", "extraordinary", "on", "well-known"]
    ),
    min_size=30,
    max_size=60,
)


def joined(text: str) -> list[str]:
    """Return the lines that the model reads: sentences of one paragraph on one line."""
    document = split(text, mode="nonewlines", language="de")
    origin = text if document.origin is None else document.origin.text
    return origin.splitlines()


def again(text: str) -> str:
    document = split(text, mode="nonewlines", language="en")
    return document.reassemble([segment.text for segment in document.segments])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "Das ist ein schönes\nHaus am See.", ["Das ist ein schönes Haus am See."], id="within"
        ),
        pytest.param(
            "The quick brown fox jumps over a lazy dog.\nAnna and Tom looked at it for long.",
            ["The quick brown fox jumps over a lazy dog. Anna and Tom looked at it for long."],
            id="full",
        ),
        pytest.param(
            "The fox jumps over the lazy dog and away.\nShort.\nAnother one begins.",
            ["The fox jumps over the lazy dog and away. Short.", "Another one begins."],
            id="a short line is the last",
        ),
        pytest.param(
            "John Smith\n12 High Street\nLondon",
            ["John Smith", "12 High Street", "London"],
            id="address",
        ),
        pytest.param("Milk\nbread\nbutter", ["Milk", "bread", "butter"], id="words"),
        pytest.param(
            "* Milk is very good\n  and tasty.\n* Bread is good\n  as well.",
            ["* Milk is very good and tasty.", "* Bread is good as well."],
            id="list",
        ),
        pytest.param(
            "> This is quoted and the\n> sentence goes on here.\nand this is not quoted here",
            ["> This is quoted and the sentence goes on here.", "and this is not quoted here"],
            id="quotation",
        ),
        pytest.param(
            "Es gibt die Über-\nsetzung, ihre Vor-\nund Nachteile.",
            ["Es gibt die Übersetzung, ihre Vor- und Nachteile."],
            id="hyphens",
        ),
        pytest.param("die Über\u00ad\nsetzung", ["die Übersetzung"], id="soft hyphen"),
        pytest.param(
            "我今天去了北京的一家饭店吃饭和\n朋友见面。",
            ["我今天去了北京的一家饭店吃饭和朋友见面。"],
            id="wide",
        ),
        pytest.param(
            "# A title of all\nthe text of it", ["# A title of all", "the text of it"], id="title"
        ),
        pytest.param(
            "A line that ends hard  \nand this comes next.",
            ["A line that ends hard  ", "and this comes next."],
            id="two blanks",
        ),
        pytest.param(
            "```\nthe code goes on\nand on here\n```",
            ["```", "the code goes on", "and on here", "```"],
            id="code",
        ),
    ],
)
def test_a_line_that_goes_on_is_joined(text: str, expected: list[str]) -> None:
    assert joined(text) == expected


def test_a_sentence_over_lines_is_one_segment_and_is_wrapped_again() -> None:
    text = "> Das ist ein Satz, der über\r\n> die Zeile geht. Hier ist noch\r\n> einer.\r\n"
    document = split(text, mode="nonewlines", language="de")
    assert [segment.text for segment in document.segments] == [
        "Das ist ein Satz, der über die Zeile geht.",
        "Hier ist noch einer.",
    ]
    assert document.reassemble(["This is a sentence over two lines.", "Here is one more."]) == (
        "> This is a sentence over two\r\n> lines. Here is one more.\r\n"
    )


def span_of(part: str, whole: str) -> Span:
    start = whole.index(part)
    return Span(start, start + len(part))


def test_spans_can_be_followed_to_the_lines() -> None:
    text = "Das ist ein langer Satz, der\nüber die Zeile geht. Er ist\nzu Ende."
    document = split(text, mode="nonewlines", language="de")
    origin = document.origin
    assert origin is not None
    spans = [origin.to_source(span_of(each.text, origin.text)) for each in document.segments]
    assert [text[span.start : span.stop] for span in spans] == [
        "Das ist ein langer Satz, der\nüber die Zeile geht.",
        "Er ist\nzu Ende.",
    ]
    texts = ["This is a long sentence over two lines.", "It ends."]
    edited = document.edited(texts)
    assert edited.text == document.reassemble(texts)
    spans = [edited.to_result(span_of(each, edited.source)) for each in texts]
    assert [edited.text[span.start : span.stop] for span in spans] == [
        "This is a long sentence over\ntwo lines.",
        "It ends.",
    ]


@given(
    words=WORDS,
    width=st.integers(50, 80),
    prefix=st.sampled_from(["", "> ", "  ", "> > "]),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_lines_as_full_as_can_be_come_back(
    words: list[str], width: int, prefix: str, newline: str
) -> None:
    lines = textwrap.wrap(
        " ".join(words),
        width=width,
        break_on_hyphens=False,
        initial_indent=prefix,
        subsequent_indent=prefix,
    )
    text = newline.join(lines)
    assert again(text) == text


@given(words=st.lists(st.sampled_from(["word", "A", "on", " ", "\n", "> ", "10 km", "* ", "you."])))
def test_no_word_moves(words: list[str]) -> None:
    text = "".join(words)
    assert again(text).replace(">", "").split() == text.replace(">", "").split()
