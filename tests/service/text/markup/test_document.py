"""A document is blocks of text, and what stands between them is copied."""

import pytest

from service.spans import Span
from service.text.markup.document import parse
from service.text.markup.segments import cut_block
from service.text.markup.vocabulary import TagOptions


def texts(source: str, format: str = "html", options: TagOptions | None = None) -> list[str]:  # noqa: A002
    document = parse(source, format="xml" if format == "xml" else "html", options=options)
    assert document.render([block.raw for block in document.blocks]) == source
    return [block.text for block in document.blocks]


@pytest.mark.parametrize(
    ("source", "blocks"),
    [
        ("<p>One <b>two</b></p>three", ["One two", "three"]),
        ("one<br>two<hr>three", ["one", "two", "three"]),
        ("<ul><li>one<li>two</ul>", ["one", "two"]),
        ("<tr><td>one<td>two<th>three", ["one", "two", "three"]),
        ("<title>one &amp; <two></title><h1>three</h1>", ["one & <two>", "three"]),
        ("<select><option>one<option>two</select>", ["one", "two"]),
        ("<label>one</label> <input> <button>two</button>", ["one", "two"]),
        ("<p> \n <b>one</b>\n  two\t<i> three </i> </p>", ["one two three"]),
        ("<p>one&nbsp; two</p>", ["one\u00a0 two"]),
        ("<p>one<pre> two </pre>three", ["one", "three"]),
        ("<style>a{}</style><script>b()</script><!-- c --><svg><text>d</text></svg>", []),
        ("<textarea>one</textarea><p translate=no>two<p>three", ["three"]),
        ("<div class='a notranslate'>one <b>two</b></div> three", ["three"]),
        ("<code>only()</code>. 12.5 <b>%</b> &nbsp;", []),
        ("<p>Call <code>f(<b>x</b>)</code> now", ["Call f(x) now"]),
        ("<p>One <svg><text>x</text></svg> two<script>y</script>", ["One two"]),
        ("<p>See <math><mi>a</mi></math>.", ["See a."]),
        ("<x-app>one <x-b>two</x-b></x-app>", ["one two"]),
        ("one <code>two", ["one two"]),
        ("", []),
        ("5 > 3 and a < b", ["5 > 3 and a < b"]),
    ],
)
def test_html_is_cut_at_block_elements(source: str, blocks: list[str]) -> None:
    assert texts(source) == blocks


@pytest.mark.parametrize(
    ("source", "blocks"),
    [
        ("<d><t>one</t><p>two <b><i>three</i></b></p></d>", ["one", "two three"]),
        ("one <b>two</b>", ["one two"]),
        ("<s><a>one</a><b>two</b></s>", ["one", "two"]),
        ("<br>one</br><p>two</p>", ["one", "two"]),
        ("<s>Use <x id='1'/> &own; <![CDATA[<i>]]> now</s>", ["Use X <i> now"]),
        ("<s><![CDATA[<i>one</i>]]></s>", []),
        ('<s translate="no">one</s><s translatable="false">two</s><s>three</s>', ["three"]),
        ('<s xml:space="preserve">one\n  <b>two</b>  three</s>', ["one\n  two  three"]),
        ('<s xml:space="preserve">a <t xml:space="default">b  c</t></s>', ["a b c"]),
        ("<?xml version='1.0'?><!DOCTYPE s [<!ENTITY own 'x > y'>]><s>one</s>", ["one"]),
        ("<Stra\u00dfe>one</Stra\u00dfe>", ["one"]),
    ],
)
def test_xml_is_cut_at_elements_without_text_around_them(source: str, blocks: list[str]) -> None:
    if "<x id" in source:
        assert texts(source, "xml", TagOptions(ignored=frozenset("x"))) == ["Use X X <i> now"]
        source = source.replace("<x id='1'/> ", "")
    assert texts(source, "xml") == blocks


def test_a_client_names_tags_that_split_or_do_not_or_are_copied() -> None:
    source = "<d>one <par>two</par><b>three</b><k>four</k></d>"

    assert texts(source, "xml") == ["one twothreefour"]
    assert texts(source, "xml", TagOptions(splitting=frozenset(["par"]))) == [
        "one",
        "two",
        "threefour",
    ]
    assert texts(
        "<d><a>one</a> <b>two</b></d>", "xml", TagOptions(non_splitting=frozenset("ab"))
    ) == ["one two"]
    flat = TagOptions(splitting=frozenset("p"), outline_detection=False)
    assert texts("<d><p>one</p><t>two</t> <u>three</u></d>", "xml", flat) == ["one", "two three"]
    assert texts("<p>one <em>two</em>", "html", TagOptions(splitting=frozenset(["em"]))) == [
        "one",
        "two",
    ]


def test_an_ignored_element_is_a_word_that_is_copied() -> None:
    document = parse(
        'Add <x id="1"></x> to the list.', format="xml", options=TagOptions(ignored=frozenset("x"))
    )

    [block] = document.blocks
    assert block.text == "Add X to the list."
    assert [(s.start, s.stop, s.replacement) for s in block.opaque] == [(4, 5, '<x id="1"></x>')]


def test_marks_say_where_tags_stand_and_which_belong_together() -> None:
    [block] = parse("a<img> <b>c<i>d</b></i> ", format="html").blocks

    marks = [(mark.position, mark.raw, mark.pair is not None, mark.opens) for mark in block.marks]
    assert block.text == "a cd"
    assert marks == [
        (1, "<img>", False, False),
        (2, "<b>", True, True),
        (3, "<i>", False, True),
        (4, "</b>", True, False),
        (4, "</i>", False, False),
    ]
    assert block.marks[1].pair == block.marks[3].pair


def test_attributes_that_are_asked_for_are_texts_of_their_own() -> None:
    source = "<p title='Tom &amp; &quot;J&quot;'><IMG ALT=cat> <a title=\"x\">b</a>"
    document = parse(source, format="html", attributes=["title", "alt"])

    assert [(a.name, a.text) for a in document.attributes] == [
        ("title", 'Tom & "J"'),
        ("alt", "cat"),
        ("title", "x"),
    ]
    changed = document.with_attributes(['J & "T" \'n < m', 'a "dog"', "x"])
    assert changed.source == (
        "<p title='J &amp; &quot;T&quot; &#39;n &lt; m'><IMG ALT=\"a &quot;dog&quot;\">"
        ' <a title="x">b</a>'
    )
    assert [block.text for block in changed.blocks] == [block.text for block in document.blocks]


def test_attributes_of_copied_elements_are_not_translated() -> None:
    source = '<code title="a">x</code><p translate="no" title="b">y</p><i title="c">z</i>'

    document = parse(source, format="html", attributes=["title"])

    assert [attribute.text for attribute in document.attributes] == ["c"]


def test_a_document_wants_one_string_for_each_block() -> None:
    with pytest.raises(ValueError, match="1 strings for 2 blocks"):
        parse("a<br>b", format="html").render(["x"])


def test_an_element_that_ends_without_its_tag_is_no_longer_copied() -> None:
    source = "<ul><li translate=no>one<li>two</ul><p class=notranslate>three<div>four</div>"

    assert texts(source) == ["two", "four"]


def test_segments_of_deep_markup_need_no_recursion() -> None:
    source = "<b>a " * 5000 + "x" + "</b>" * 5000

    [block] = parse(source, format="html").blocks
    [segment] = cut_block(block, [Span(0, len(block.text))]).segments

    assert segment.place(block.text.upper()).count("<b>") == 4999  # one is around the segment
