"""A text too long for a model is cut where it hurts least, and nothing is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.fitting import split_to_fit

PIECES = st.sampled_from(
    ["Hello there. ", "a", "\n", "  ", ". ", "你好。", "\t", "e\u0301", "👍🏽"]
)
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=20).map("".join)


async def parts(text: str, limit: int) -> list[str]:
    async def fits(part: str) -> bool:
        return len(part) <= limit

    return await split_to_fit(text, fits)


@given(text=TEXTS, limit=st.integers(1, 30))
async def test_parts_that_fit_join_to_the_text(text: str, limit: int) -> None:
    found = await parts(text, limit)
    assert "".join(found) == text
    assert all(len(part.strip()) <= limit for part in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("aa bb. cc, dd ee", ["aa bb. ", "cc, dd ee"], id="sentence before clause"),
        pytest.param("aa bb cc, dd ee", ["aa bb cc, ", "dd ee"], id="clause before blank"),
        pytest.param("aaaaaa bbbbbb", ["aaaaaa ", "bbbbbb"], id="blank"),
        pytest.param("abcdefghijkl", ["abcdef", "ghijkl"], id="anywhere"),
        pytest.param(
            "你好世界。你好世界你好", ["你好世界。", "你好世界你好"], id="no blank needed"
        ),
        pytest.param("abcde\u0301fghijk", ["abcde\u0301", "fghijk"], id="accent kept"),
    ],
)
async def test_a_long_segment_is_cut_at_the_best_place(text: str, expected: list[str]) -> None:
    assert await parts(text, 10 if len(text) > 11 else 6) == expected


async def test_a_segment_that_fits_is_left_whole() -> None:
    assert await parts("One. Two. Three.", 16) == ["One. Two. Three."]


async def test_a_long_text_is_cut_near_its_middle() -> None:
    text = "x" * 4_000 + ". " + "x" * 8_000
    assert [len(part) for part in await parts(text, 7_000)] == [6_001, 6_001]
