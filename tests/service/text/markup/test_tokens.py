"""Tokens are what a browser, or an XML parser, takes for tags and text."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.markup.tokens import Format, scan


def kinds(source: str, syntax: Format = "html") -> list[tuple[str, str]]:
    return [(token.kind, source[token.start : token.stop]) for token in scan(source, syntax=syntax)]


def test_a_greater_sign_in_quotes_does_not_end_a_tag() -> None:
    assert kinds("<a x='>' y=\">\" z=it's>t</a >") == [
        ("open", "<a x='>' y=\">\" z=it's>"),
        ("text", "t"),
        ("close", "</a >"),
    ]


@pytest.mark.parametrize("text", ["a < b", "<3", "1<2>1", "< b>", "<", "x <", "</", "<!", "<?x"])
def test_a_less_sign_that_begins_no_tag_is_text(text: str) -> None:
    assert kinds(text) == [("text", text)]


def test_names_are_in_lower_case_in_html_only() -> None:
    assert [token.name for token in scan("<DIV></Div>", syntax="html")] == ["div", "div"]
    assert [token.name for token in scan("<A></a>", syntax="xml")] == ["A", "a"]


def test_elements_without_content_are_known_by_name_in_html_and_by_a_slash_in_xml() -> None:
    assert [kind for kind, _ in kinds("<img><i/>")] == ["empty", "open"]
    assert [kind for kind, _ in kinds("<img><i/>", "xml")] == ["open", "empty"]


@pytest.mark.parametrize(
    "other",
    [
        "<!-- a > b <i> -->",
        "<!---->",
        "<!>",
        "<!DOCTYPE html>",
        "<!DOCTYPE d [<!ENTITY e '>'> <!-- ] --> ]>",
        "<?php a > b ?>",
    ],
)
def test_comments_declarations_and_instructions_are_one_token(other: str) -> None:
    syntax: Format = "xml" if other.startswith("<?") else "html"

    assert kinds(f"x{other}y", syntax) == [("text", "x"), ("other", other), ("text", "y")]


def test_a_comment_that_is_not_closed_takes_the_rest() -> None:
    assert kinds("a<!-- b <i>c") == [("text", "a"), ("other", "<!-- b <i>c")]


def test_a_closing_tag_without_a_name_is_a_comment_in_html() -> None:
    assert kinds("a</3>b") == [("text", "a"), ("other", "</3>"), ("text", "b")]


def test_a_cdata_section_ends_at_its_brackets() -> None:
    assert kinds("<![CDATA[a > <b>]]>c") == [("cdata", "<![CDATA[a > <b>]]>"), ("text", "c")]


def test_a_script_has_no_tags_and_a_title_only_text() -> None:
    assert kinds("<script>'<b>'</SCRIPT><title>a<b></title>") == [
        ("open", "<script>"),
        ("raw", "'<b>'"),
        ("close", "</SCRIPT>"),
        ("open", "<title>"),
        ("text", "a<b>"),
        ("close", "</title>"),
    ]


def test_a_title_that_is_not_closed_hides_no_tags() -> None:
    assert [kind for kind, _ in kinds("<title>a<b>c")] == ["open", "text", "open", "text"]


def test_after_a_tag_without_end_tags_end_at_the_next_greater_sign() -> None:
    assert kinds("<i title='x>a <b>c</b>") == [
        ("open", "<i title='x>"),
        ("text", "a "),
        ("open", "<b>"),
        ("text", "c"),
        ("close", "</b>"),
    ]
    assert kinds('<u b=">" <i') == [("open", '<u b=">'), ("text", '" <i')]


@given(st.text("<>/!-[]=?&;'\" ab\n", max_size=40), st.sampled_from(["html", "xml"]))
def test_tokens_follow_each_other_and_cover_the_source(source: str, syntax: Format) -> None:
    tokens = scan(source, syntax=syntax)

    assert "".join(source[token.start : token.stop] for token in tokens) == source
    assert all(one.stop == other.start for one, other in pairwise(tokens))
