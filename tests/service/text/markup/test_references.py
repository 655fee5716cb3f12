"""References are decoded as browsers do, and written again in the form that the source had."""

from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.markup.references import Writer, decode, forms_of
from service.text.markup.tokens import Format


def text_of(source: str, syntax: Format = "html", *, is_attribute: bool = False) -> str:
    runs = decode(source, 0, len(source), syntax=syntax, is_attribute=is_attribute)
    return "".join(run.text for run in runs)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("&amp;&lt;&eacute;", "&<é"),
        ("&#228;&#xE4;&#XE4", "äää"),
        ("&copy2020 &notit;", "©2020 ¬it;"),
        ("&nosuch; & &", "&nosuch; & &"),
        ("&#150;&#x80;", "\u2013€"),
        ("&#0;&#xD800;&#1114112;&#99999999999;&#1;", "\ufffd" * 5),
        ("&#;&#x;", "&#;&#x;"),
    ],
)
def test_html_references_are_read_as_in_a_browser(source: str, text: str) -> None:
    assert text_of(source) == text


@given(st.lists(st.sampled_from(["&amp", "&am", ";", "&#65", "&notin", "&x", "&", "lt", "=", "é"])))
def test_named_references_are_those_of_the_standard_library(parts: list[str]) -> None:
    source = "".join(parts)

    assert text_of(source) == unescape(source)


def test_a_query_in_an_attribute_has_no_references_without_semicolon() -> None:
    assert text_of("?a=1&copy=2&amp;b&lt", is_attribute=True) == "?a=1&copy=2&b<"


def test_xml_has_references_with_semicolon_only_and_some_that_nobody_knows() -> None:
    runs = list(decode("&amp &lt;&own;", 0, 14, syntax="xml"))

    assert "".join(run.text for run in runs) == "&amp <"
    assert runs[-1].kind == "unknown"


def test_references_to_white_space_are_white_space() -> None:
    runs = decode("a&#10;&Tab;b", 0, 12, syntax="html")

    assert [run.kind for run in runs] == ["literal", "blank", "blank", "literal"]


def test_what_means_something_in_markup_is_escaped() -> None:
    assert Writer({}).write("a & b < c > d \"'") == "a &amp; b &lt; c &gt; d \"'"
    assert Writer({}, quote="'").write('it\'s "x"') == 'it&#39;s "x"'


def test_a_character_is_written_in_the_forms_of_the_source_in_order() -> None:
    forms = forms_of("é é \u2013 é", {0: "&eacute;", 4: "&#8211;"})

    assert Writer(forms).write("é \u2013 é é \u2013 ü") == "&eacute; &#8211; é é &#8211; ü"


def test_forms_are_used_up_from_call_to_call() -> None:
    writer = Writer(forms_of("é é", {0: "&eacute;"}))

    assert [writer.write("é"), writer.write("é")] == ["&eacute;", "é"]


def test_a_bare_ampersand_or_less_sign_stays_only_where_it_begins_nothing() -> None:
    forms = forms_of("a & b < c", {})

    assert Writer(forms).write("a & b < c") == "a & b < c"
    assert Writer(forms).write("a &b <c") == "a &amp;b &lt;c"


def test_a_form_without_semicolon_gets_one_before_what_it_could_run_into() -> None:
    forms = forms_of("© x", {0: "&copy"})

    assert Writer(forms).write("© x") == "&copy x"
    assert Writer(forms).write("©x") == "&copy;x"


def test_the_end_of_a_cdata_section_is_never_written_in_text() -> None:
    assert Writer(forms_of("a > b", {})).write("]]> c > d") == "]]&gt; c > d"
