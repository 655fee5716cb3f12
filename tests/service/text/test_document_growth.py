"""Cutting a text takes time in proportion to its length, whatever its layout."""

import time

import pytest

from service.text.documents import Mode, split

SCRAPS = (
    "* ",
    "> ",
    ">",
    "# ",
    "**a ",
    "|a",
    " | ",
    "\t",
    "a  B  ",
    "😆 a",
    "\u200d",
    "1\ufe0f\u20e3",
)
LINES = (
    "```\n",
    "~~~\n",
    "word word word word\n",
    "wor-\n",
    "你好你好\n",
    "`a | b` ",
    "=== ",
    "a\n",
)


def seconds(text: str, mode: Mode) -> float:
    """Return the time of this process for a text, there and back, with its spans."""
    start = time.process_time()
    document = split(text, mode=mode, language="en")
    own = [segment.text for segment in document.segments]
    assert len(document.reassemble(own)) >= len(text) - text.count("-\n") * 2
    answer = document.edited(own)
    for span in document.row_spans(own):
        document.to_source(span), answer.to_result(span)
    return time.process_time() - start


@pytest.mark.parametrize("scrap", [*SCRAPS, *LINES])
@pytest.mark.parametrize("mode", ["sentences", "nonewlines", "newlines"])
def test_four_times_the_text_takes_far_less_than_sixteen_times_the_work(
    mode: Mode, scrap: str
) -> None:
    small, large = (seconds(scrap * (size // len(scrap)), mode) for size in (10_000, 40_000))
    assert large < 10 * small + 0.5
