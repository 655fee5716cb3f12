"""A whole web page keeps everything but its words."""

import re
from collections import Counter

from loadtests.pages import page
from service.spans import Link, Span
from service.text.markup.document import MarkupDocument, parse
from service.text.markup.segments import cut_block
from tests.support.text.markup import sentences

ATTRIBUTES = ["title", "alt", "placeholder", "aria-label"]


def test_a_page_in_capitals_has_the_same_tags_scripts_and_copied_elements() -> None:
    source = page(3)
    document = parse(source, format="html", attributes=ATTRIBUTES)

    output = _in_capitals(document)

    tags = re.compile(r"<[^>]*>|<script>.*?</script>|<pre>.*?</pre>|<code>.*?</code>", re.DOTALL)
    assert Counter(tags.findall(output)) == Counter(tags.findall(source))
    assert output.lower().split() == source.lower().split()
    assert "<p>THE VILLAGE IS VERY <b>QUIET</b> IN WINTER." in output
    assert '<span translate="no">Marie Olsen</span>' in output


def test_attributes_are_translated_before_and_leave_the_texts_alone() -> None:
    document = parse(page(), format="html", attributes=ATTRIBUTES)

    changed = document.with_attributes([a.text.upper() for a in document.attributes])

    assert [block.text for block in changed.blocks] == [block.text for block in document.blocks]
    assert 'placeholder="THE NAME OF THE VILLAGE"' in changed.source
    assert changed.source.lower() == document.source.lower()


def _in_capitals(document: MarkupDocument) -> str:
    blocks = []
    for block in document.blocks:
        cut = cut_block(block, sentences(block.text))
        placed = []
        for segment in cut.segments:
            words = [Span(*match.span()) for match in re.finditer(r"\w+", segment.text)]
            links = [Link(word, word, 1.0) for word in words]
            if segment.opaque:
                placed.append(segment.raw)
            else:
                placed.append(segment.place(segment.text.upper(), links))
        blocks.append(cut.reassemble(placed))
    return document.render(blocks)
