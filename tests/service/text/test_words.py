"""Text without words is what numbers, symbols and addresses leave: nothing to translate."""

import time

import pytest

from service.text.words import has_words, is_address

WORDLESS = [
    "",
    " \t\n",
    "12.5 %",
    "1 000 000",
    "-----",
    "* * *",
    "{ } //",
    "🙂👍🏽 ❤️",
    "→ ✓ №",
    "https://example.com",
    "HTTPS://EXAMPLE.COM/A?Q=Hello!World#Top",
    "(www.example.com/a_b).",
    "«https://example.com/», ftp://example.com:21/x",
    "https://de.wikipedia.org/wiki/Füße",
    "info@example.com",
    "<first.last+tag@sub-domain.example.co.uk>;",
    "mailto:info@example.com",
    "a@example.com,b@example.com",
    "1. https://example.com 🙂 info@example.com",
]
WORDY = [
    "a",
    "é",
    "你好",
    "5 km",
    "See https://example.com",
    "info@example.com, please",
    "https://example.com谢谢",
    "https://example.com。谢谢",
    "[text](https://example.com)",
    "Web:https://example.com",
    "https://",
    "foo@bar",
    "@name #tag",
    "wwwhat",
    "e.g.",
    "example.com",
]


@pytest.mark.parametrize("text", WORDLESS)
def test_numbers_symbols_and_addresses_are_no_words(text: str) -> None:
    assert not has_words(text)


@pytest.mark.parametrize("text", WORDY)
def test_a_letter_anywhere_else_makes_a_word(text: str) -> None:
    assert has_words(text)


@pytest.mark.parametrize("text", ["12.5", "---", "word", ""])
def test_what_has_no_address_is_none(text: str) -> None:
    assert not is_address(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a" * 50_000 + "!", True, id="a scheme that never comes"),
        pytest.param("https://" + "!" * 50_000 + "谢", True, id="an end that fits nowhere"),
        pytest.param("." * 50_000 + "a", True, id="punctuation before a word"),
        pytest.param("a@" + "b." * 25_000, False, id="a domain of many parts"),
        pytest.param("a@b.c," * 8_000 + "谢", True, id="one address after the other"),
    ],
)
def test_a_text_made_to_be_slow_takes_one_pass(text: str, *, expected: bool) -> None:
    """Tried again from every character, any of these takes seconds."""
    before_s = time.process_time()
    assert has_words(text) is expected
    assert time.process_time() - before_s < 0.5
