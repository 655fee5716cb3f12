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
    *("10 km", "23 °C", "-5°C,", "10km", "50 km/h", "9.81 m/s²", "10 m² x 5 m", "2 h 30 min"),
    *("5 GB/s", "100 px", "230 V", "1920x1080", "1920 x 1080", "≤ 10 ms", "1.5 kg, 2 kg"),
    *("($5.50)", "5,50 €", "EUR 5.50", "5.50 EUR", "USD 20"),
    *(
        "A-4711/B",
        "MP3",
        "COVID-19",
        "#FF00AA",
        "#FFF",
        "0x1F",
        "v2.0.1-rc1",
        "MAX_SIZE",
        "user_id",
    ),
    *("550e8400-e29b-41d4-a716-446655440000", "d41d8cd98f00b204e9800998ecf8427e"),
    *("DE89 3704 0044 0532 0130 00", "DE89370400440532013000", "192.168.0.1:8080"),
    *("2023-10-01T12:00:00Z", "12:00:00Z", "00:14.167 --> 00:16.083"),
    *(
        r"C:\temp",
        r"C:\Program Files\App",
        "/usr/local/bin",
        "./run.sh",
        "~/notes.txt",
        "report-2.pdf",
    ),
    *("👍🏽!", "🎉🎉🎉", "👨‍👩‍👧‍👦", "🇩🇪 🇫🇷", "1️⃣ 2️⃣", "★★★★☆", "\u2139\ufe0f"),
]
WORDY = [
    "a",
    "é",
    "你好",
    *("Save", "OK", "No", "A", "NATO", "km per hour", "5 Minuten", "10 Personen", "10 in", "5 a"),
    *("5 pm", "5 Euro", "10 km entfernt", "B2B meeting", "USD rate", "EUR", "1st", "2ème", "90er"),
    *("5公里", "and/or", "Wi-Fi", "iPhone", "l'eau", "Don't", "C++", "Q&A", "3D-Drucker"),
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
        pytest.param("A1-" * 20_000 + "é", True, id="a serial number without end"),
        pytest.param("a_" * 20_000 + "-é", True, id="an identifier without end"),
        pytest.param("/a" * 20_000 + "é|", True, id="a path without end"),
        pytest.param("1.a" * 20_000 + "é", True, id="a version without end"),
        pytest.param("5 km " * 20_000, False, id="units"),
    ],
)
def test_a_text_made_to_be_slow_takes_one_pass(text: str, *, expected: bool) -> None:
    """Tried again from every character, any of these takes seconds."""
    before_s = time.process_time()
    assert has_words(text) is expected
    assert time.process_time() - before_s < 2.0
