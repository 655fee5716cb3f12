"""A text is cut into segments; a long one while other requests are answered."""

import asyncio

import pytest

from service.tasks.layout import Cutting, lay_out
from service.text.documents import split

SENTENCES: Cutting = {"mode": "sentences", "language": "en", "fits": None}


@pytest.mark.parametrize("num_lines", [1, 20_000])
async def test_a_long_text_is_cut_like_a_short_one(num_lines: int) -> None:
    text = "One is. Two is.\n" * num_lines
    layout = await lay_out(text, markup=None, **SENTENCES)
    assert layout.document == split(text, mode="sentences", language="en")
    assert [source.text for source in layout.sources] == ["One is.", "Two is."] * num_lines


async def test_others_have_a_turn_while_a_long_text_is_cut() -> None:
    cutting = asyncio.create_task(lay_out("a\n" * 24_000, markup=None, **SENTENCES))
    await asyncio.sleep(0)
    assert not cutting.done()
    await cutting
