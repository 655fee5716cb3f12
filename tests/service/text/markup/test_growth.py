"""Work grows in proportion to any input: nobody can stop the service by markup."""

import time
from collections.abc import Callable

import pytest

from service.spans import Link, Span
from service.text.markup.document import parse
from service.text.markup.segments import cut_block
from service.text.markup.tokens import Format

HOSTILE: dict[str, Callable[[int], str]] = {
    "tags without end": lambda n: "<a " * n,
    "attributes": lambda n: f"<a {'x=1 ' * n}>t</a>",
    "quotes without end": lambda n: "<a x=\"'" * n,
    "quotes that swap": lambda n: '<a x=">" y=\'' * n,
    "less signs": lambda n: "<" * n,
    "closing tags without end": lambda n: "</" * n,
    "comments without end": lambda n: "<!--" * n,
    "short comments": lambda n: "<!-->--" * n,
    "declarations": lambda n: "<!DOCTYPE [" * n,
    "brackets": lambda n: "<!DOCTYPE [" + "]  " * n,
    "sections without end": lambda n: "<![CDATA[" * n,
    "instructions without end": lambda n: "<?" * n,
    "scripts": lambda n: "<script>" * n + "</script>",
    "titles": lambda n: "<title>" * n,
    "references": lambda n: "&amp;" * n,
    "references without end": lambda n: "&#" * n + "&x" * n,
    "one long reference": lambda n: f"&#{'9' * n};&{'a' * n};",
    "nested": lambda n: "<b>" * n + "word" + "</b>" * n,
    "nested with words": lambda n: "<b>word " * n + "x" + "</b>" * n,
    "nested with signs": lambda n: "<b>." * n + "x" + "</b>" * n,
    "never closed": lambda n: "<i>word " * n,
    "crossing": lambda n: "<b>a <i>b " * n + "</b></i>" * n,
    "closed without opening": lambda n: "<b>" * n + "</i>" * n,
    "siblings": lambda n: "<b>word</b> " * n,
    "empty elements": lambda n: "word<img> " * n,
    "blank elements": lambda n: "a<b> </b>" * n,
    "copied elements": lambda n: "<code>x</code> y " * n,
    "items": lambda n: "<li>word" * n,
    "blanks": lambda n: f"a <b>{' ' * n}</b> b",
}


@pytest.mark.parametrize("syntax", ["html", "xml"])
@pytest.mark.parametrize("name", HOSTILE)
def test_ten_times_the_input_takes_far_less_than_a_hundred_times_the_work(
    name: str, syntax: Format
) -> None:
    small, large = (_seconds(HOSTILE[name](n), syntax) for n in (500, 5000))

    assert large < 40 * small + 0.5  # seconds of this process; 10 times if all goes well


def _seconds(source: str, syntax: Format) -> float:
    start = time.process_time()
    for block in parse(source, format=syntax, attributes=["x"]).blocks:
        [segment] = cut_block(block, [Span(0, len(block.text))]).segments
        words = [Span(at, at + 1) for at in range(len(block.text))][::2]
        segment.place(segment.text.swapcase(), [Link(word, word, 1.0) for word in words])
    return time.process_time() - start
