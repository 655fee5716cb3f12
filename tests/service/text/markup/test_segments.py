"""A block is cut into segments; what is between them is markup that is copied."""

import pytest

from service.spans import Link, Span
from service.text.markup.blocks import Block
from service.text.markup.document import parse
from service.text.markup.segments import CutBlock, cut_block
from tests.support.text.markup import sentences


def block_of(source: str, format: str = "html") -> Block:  # noqa: A002
    [block] = parse(source, format="xml" if format == "xml" else "html").blocks
    return block


def cut_of(source: str) -> CutBlock:
    block = block_of(source)
    return cut_block(block, sentences(block.text))


def test_gaps_have_the_white_space_and_tags_between_segments() -> None:
    cut = cut_of(" <b>One <i>x</i>.</b>\n  <u>Two <i>y</i>.</u> ")

    assert cut.lead == " <b>"
    assert [segment.text for segment in cut.segments] == ["One x.", "Two y."]
    assert [segment.raw for segment in cut.segments] == ["One <i>x</i>.", "Two <i>y</i>."]
    assert [segment.gap for segment in cut.segments] == ["</b>\n  <u>", "</u> "]


def test_a_tag_at_an_end_belongs_to_the_segment_if_its_partner_is_inside() -> None:
    cut = cut_of("<img><b>One</b> two. Three <i>four.</i>")

    assert cut.lead == "<img>"
    assert [segment.raw for segment in cut.segments] == ["<b>One</b> two.", "Three <i>four.</i>"]


def test_without_segments_all_is_lead() -> None:
    block = block_of("<b>12</b> a")

    assert cut_block(block, []) == CutBlock("<b>12</b> a", ())


def test_a_pair_over_two_segments_opens_in_one_and_closes_in_the_other() -> None:
    cut = cut_of("Say <b>one two. Three</b> four.")

    first, second = cut.segments
    assert first.place("Eins zwei sagen.", [_link(0, 3, 10, 15), _link(4, 7, 0, 4)]) == (
        "<b>Eins zwei sagen."
    )
    assert second.place("VIER DREI.", [_link(0, 5, 5, 9), _link(6, 10, 0, 4)]) == "VIER DREI</b>."


def test_a_span_is_widened_over_a_copied_element() -> None:
    block = block_of("Run <code>a. b</code> now. Then.")

    cut = cut_block(block, [Span(0, 6), Span(7, 13), Span(14, 19)])

    assert block.text == "Run a. b now. Then."
    assert [segment.text for segment in cut.segments] == ["Run a. b now.", "Then."]
    assert [segment.span for segment in cut.segments] == [Span(0, 13), Span(14, 19)]


@pytest.mark.parametrize("spans", [[(1, 1)], [(0, 3), (2, 4)], [(0, 9)], [(2, 4), (0, 1)]])
def test_spans_are_in_order_and_inside(spans: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="after character"):
        cut_block(block_of("abc def"), [Span(*span) for span in spans])


def test_positions_of_a_segment_count_from_its_own_beginning() -> None:
    cut = cut_of("One. Two <code>x</code> <b>y</b> &eacute;.")

    segment = cut.segments[1]
    assert [(span.start, span.stop) for span in segment.opaque] == [(4, 5)]
    assert [mark.position for mark in segment.marks] == [6, 7]
    assert segment.place("é é <code>x</code>.", opaque=[Span(4, 18)]).count("&eacute;") == 2


def test_the_text_of_a_copied_element_says_nothing_about_how_to_escape() -> None:
    block = block_of("<p>See <![CDATA[a < b]]> here</p>", "xml")
    [segment] = cut_block(block, [Span(0, len(block.text))]).segments

    assert segment.place("c < d <![CDATA[a < b]]>", opaque=[Span(6, 23)]) == (
        "c &lt; d <![CDATA[a < b]]>"
    )


def test_a_translation_that_equals_its_source_keeps_the_sources_white_space() -> None:
    cut = cut_of("New <b>\n  York</b> &amp; <i>x")

    [segment] = cut.segments
    assert segment.place("New York & x") == segment.raw


def _link(start: int, stop: int, target_start: int, target_stop: int) -> Link:
    return Link(Span(start, stop), Span(target_start, target_stop), 1.0)
