"""No markup and no translation of it makes a tag get lost, or cross another."""

import re
from collections import Counter
from collections.abc import Sequence
from html import unescape
from itertools import pairwise
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from service.spans import Link, Span
from service.text.edits import Edit, Edited
from service.text.markup.document import parse
from service.text.markup.segments import MarkedSegment, cut_block
from service.text.markup.tokens import Format, scan

WORDS = st.sampled_from(
    [
        "one",
        "two",
        "Three.",
        "don't",
        "四五",
        "x",
        "&amp;",
        "&lt;b&gt;",
        "caf&eacute;",
        "&#8217;",
        "q?",
        "-",
    ]
)
XML_WORDS = WORDS.filter(lambda word: word != "caf&eacute;")
BLANKS = st.sampled_from(["", " ", "  ", "\n\t"])
ATTRIBUTES = st.sampled_from(
    ["", ' a="b>c"', " a='\"'", ' title="x &amp; y" b = "1"', '\n id="[i>"', ' translate="no"']
)
INLINE = st.sampled_from(["b", "i", "a", "span", "x-y"])
BLOCK = st.sampled_from(["div", "p", "section"])
OPAQUE = st.sampled_from(["code", "script", "svg", "kbd"])
VOID = st.sampled_from(["img", "br", "wbr", "input"])
SYNTAXES: st.SearchStrategy[Format] = st.sampled_from(["html", "xml"])
OTHER = st.sampled_from(["<!-- a <b> -->", "<!---->", "<?php echo ?>"])


@st.composite
def trees(draw: st.DrawFn, syntax: Format, depth: int = 3) -> str:
    """Draw well-formed markup."""
    parts = []
    for _ in range(draw(st.integers(0, 4))):
        parts.append(draw(BLANKS))
        kind = draw(st.sampled_from(["word", "word", "inline", "inline", "void", "block", "rare"]))
        if kind == "word" or depth == 0:
            parts.append(draw(XML_WORDS if syntax == "xml" else WORDS))
        elif kind == "void":
            parts.append(f"<{draw(VOID)}{draw(ATTRIBUTES)}/>")
        elif kind == "rare":
            parts.append(draw(OTHER))
            name = draw(OPAQUE)
            parts.append(f"<{name}>{draw(WORDS.filter(str.isalpha))}</{name}>")
        else:
            name = draw(INLINE if kind == "inline" else BLOCK)
            content = draw(trees(syntax, depth - 1))
            parts.append(f"<{name}{draw(ATTRIBUTES)}>{content}</{name}>")
    parts.append(draw(BLANKS))
    return "".join(parts)


SCRAPS = (
    "< > </ <b> </b> </i> \" ' <p> </p> <br> <!-- --> <![CDATA[ ]]> & &# ; &amp word a é"
    " <code> </code> <script> </script> <title> <!DOCTYPE [ ] <? ?> ="
)
SOUP = st.lists(st.sampled_from([*SCRAPS.split(), "<i a='", " ", "\n", "\x00"]), max_size=25).map(
    "".join
)


@st.composite
def translations(draw: st.DrawFn, segment: MarkedSegment) -> tuple[str, list[Link], list[Span]]:
    """Draw a translation of a segment: its words kept, dropped, added to, reversed or shuffled."""
    words = [Span(*match.span()) for match in re.finditer(r"\S+", segment.text)]
    opaque = [Span(span.start, span.stop) for span in segment.opaque]
    words = [word for word in words if not any(_overlap(word, span) for span in opaque)]
    sources = draw(st.permutations(words)) if draw(st.booleans()) else words[::-1]
    if draw(st.booleans()):
        sources = sources[: len(sources) // 2]
    texts: list[tuple[str, Span | None, bool]] = [
        (segment.text[word.start : word.stop].upper(), word, False) for word in sources
    ]
    for protected in segment.opaque:
        at = draw(st.integers(0, len(texts)))
        texts.insert(at, (protected.replacement, None, True))
    if draw(st.booleans()):
        texts.insert(draw(st.integers(0, len(texts))), ("new<&>", None, False))
    links, spans = [], []
    target = ""
    for text, word, is_opaque in texts:
        target += draw(st.sampled_from(["", " "])) if target else ""
        span = Span(len(target), len(target) + len(text))
        target += text
        if is_opaque:
            spans.append(span)
        if word is not None:
            links.append(Link(word, span, 1.0))
    links = draw(st.sampled_from([links, []])) + draw(
        st.lists(_noise(segment.text, target), max_size=4)
    )
    return target, links, spans


def _noise(source: str, target: str) -> st.SearchStrategy[Link]:
    def spans(text: str) -> st.SearchStrategy[Span]:
        ends = st.integers(0, len(text))
        return st.tuples(ends, ends).map(lambda pair: Span(min(pair), max(pair)))

    weights = st.floats(0.0, 1.0)
    return st.builds(Link, spans(source), spans(target), weights)


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.stop and other.start < one.stop


@st.composite
def cuts(draw: st.DrawFn, length: int) -> list[Span]:
    """Draw spans of a text, in order."""
    ends = sorted(draw(st.sets(st.integers(0, length), max_size=6)))
    spans = [Span(start, stop) for start, stop in pairwise(ends)]
    return [span for span in spans if draw(st.booleans())] or [Span(0, length)]


def _translate(data: st.DataObject, source: str, syntax: Format) -> tuple[str, list[str]]:
    """Return the document with drawn translations, and the texts of those."""
    document = parse(source, format=syntax)
    blocks, texts = [], []
    for block in document.blocks:
        cut = cut_block(block, data.draw(cuts(len(block.text))))
        assert cut.reassemble([segment.raw for segment in cut.segments]) == block.raw
        placed = []
        for segment in cut.segments:
            target, links, opaque = data.draw(translations(segment))
            placed.append(segment.place(target, links, opaque))
            texts.append(Edited.of(target, [Edit(s.start, s.stop, "") for s in opaque]).text)
        blocks.append(cut.reassemble(placed))
    return document.render(blocks), texts


def _tags(source: str, syntax: Format) -> Counter[str]:
    tokens = scan(source, syntax=syntax)
    return Counter(source[t.start : t.stop] for t in tokens if t.kind != "text")


def _is_nested(source: str, syntax: Format) -> bool:
    stack: list[str | None] = []
    for token in scan(source, syntax=syntax):
        if token.kind == "open":
            stack.append(token.name)
        elif token.kind == "close" and (not stack or stack.pop() != token.name):
            return False
    return not stack


@given(st.data())
def test_html_keeps_each_tag_once_and_nested(data: st.DataObject) -> None:
    source = data.draw(trees("html"))

    output, texts = _translate(data, source, "html")

    assert _tags(output, "html") == _tags(source, "html")
    assert _is_nested(output, "html")
    assert _has_in_order(output, texts)


@given(st.data())
def test_xml_stays_well_formed(data: st.DataObject) -> None:
    source = f"<doc>{data.draw(trees('xml'))}</doc>".replace("<?php echo ?>", "<?p q ?>")

    output, texts = _translate(data, source, "xml")

    ElementTree.fromstring(source)  # noqa: S314
    ElementTree.fromstring(output)  # noqa: S314
    assert _tags(output, "xml") == _tags(source, "xml")
    assert _has_in_order(output, texts)


@given(st.data())
def test_broken_markup_keeps_its_tags_too(data: st.DataObject) -> None:
    source = data.draw(SOUP)
    syntax = data.draw(SYNTAXES)

    for block in parse(source, format=syntax).blocks:
        for segment in cut_block(block, data.draw(cuts(len(block.text)))).segments:
            markup = segment.place(*data.draw(translations(segment)))
            for raw in sorted((mark.raw for mark in segment.marks), key=len, reverse=True):
                assert raw in markup
                markup = markup.replace(raw, "", 1)


@given(SOUP | trees("html"), SYNTAXES)
def test_a_translation_without_words_leaves_the_tags_in_their_order(
    source: str, syntax: Format
) -> None:
    for block in parse(source, format=syntax).blocks:
        [segment] = cut_block(block, [Span(0, len(block.text))]).segments
        tags = [(mark.position, mark.raw) for mark in segment.marks]
        copied = [(span.start + 0.5, span.replacement) for span in segment.opaque]

        assert segment.place("") == "".join(raw for _, raw in sorted(tags + copied, key=_first))


@given(SOUP | trees("html"), SYNTAXES, st.data())
@settings(max_examples=300)
def test_the_source_as_its_own_translation_comes_back_byte_for_byte(
    source: str, syntax: Format, data: st.DataObject
) -> None:
    document = parse(source, format=syntax, attributes=["title", "a"])
    blocks = []
    for block in document.blocks:
        cut = cut_block(block, data.draw(cuts(len(block.text))))
        blocks.append(cut.reassemble([_as_is(segment) for segment in cut.segments]))

    assert document.render(blocks) == source
    assert document.with_attributes([a.text for a in document.attributes]) is document


def _as_is(segment: MarkedSegment) -> str:
    edits = [Edit(span.start, span.stop, span.replacement) for span in segment.opaque]
    edited = Edited.of(segment.text, edits)
    opaque = [edited.to_result(Span(edit.start, edit.stop)) for edit in edits]
    words = [Span(*match.span()) for match in re.finditer(r"\S+", segment.text)]
    links = [Link(word, edited.to_result(word), 1.0) for word in words]
    return segment.place(edited.text, links, opaque)


def _first(pair: tuple[float, str]) -> float:
    return pair[0]


def _has_in_order(output: str, texts: Sequence[str]) -> bool:
    """Return whether the characters of the texts, without white space, are in the markup."""
    visible = unescape(re.sub(r"<!--.*?-->|<\?.*?>|<[^<>]*?>", "", _without_quotes(output)))
    wanted = "".join("".join(texts).split())
    rest = iter("".join(visible.split()))
    return all(character in rest for character in wanted)


def _without_quotes(markup: str) -> str:
    return re.sub(r"=\s*(\"[^\"]*\"|'[^']*')", "", markup)
