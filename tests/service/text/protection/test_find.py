"""Spans that are found to be copied, and texts that are left to a model."""

import pytest
from hypothesis import given

from service.text.protection.find import find_protected
from tests.support.service.texts import TEXTS


def found(text: str) -> list[str]:
    return [span.replacement for span in find_protected(text)]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("Hi {name}, you have {count} new messages.", ["{name}", "{count}"]),
        ("Hello %1$s, good to see you again!", ["%1$s"]),
        ("The folder %(folder)s is full.", ["%(folder)s"]),
        ("({ $partialSize } of { $totalSize })", ["{ $partialSize }", "{ $totalSize }"]),
        ("Welcome, {{user.name}}!", ["{{user.name}}"]),
        ("Press <b>Save</b> or <i>Cancel</i>.", ["<b>", "</b>", "<i>", "</i>"]),
        ("You owe %s dollars.", ["%s"]),
        ("[[Main Page]] is open.", ["[[Main Page]]"]),
        ("Dear #{customer}, thank you for your order.", ["#{customer}"]),
        ('Add <x id="1"></x> to the list.', ['<x id="1"></x>']),
        ("See %{count} more comments.", ["%{count}"]),
        ("Dear :name, welcome.", [":name"]),
        ("It is ${price} or $name.", ["${price}", "$name"]),
        (
            "You have {n, plural, one {# file} other {# files}} left.",
            ["{n, plural, one {# file} other {# files}}"],
        ),
        ("{0} of {1:N2} and {}", ["{0}", "{1:N2}", "{}"]),
        ("Used: %d%% of %.2f or %-10s", ["%d%%", "%.2f", "%-10s"]),
        ("See @:menu.open for <<more>>.", ["@:menu.open", "<<more>>"]),
        (
            "{% if x %}Hi {{ user | upper }}{% endif %}",
            ["{% if x %}", "{{ user | upper }}{% endif %}"],
        ),
        ("Wait&nbsp;here &amp; there, AT&amp;T and R&D.", ["&nbsp;", "&amp;", "AT&amp;T", "R&D"]),
        ("[url=https://a.org/b]Here[/url]", ["[url=https://a.org/b]", "[/url]"]),
        ("{first} {last} came.", ["{first} {last}"]),
    ],
)
def test_placeholders_are_found(text: str, spans: list[str]) -> None:
    assert found(text) == spans


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("Write to first.last+tag@mail.example.co.uk.", ["first.last+tag@mail.example.co.uk"]),
        ("Visit example.org today.", ["example.org"]),
        ("See https://x.org/a. Then go.", ["https://x.org/a"]),
        ("See (https://x.org/a_(b)).", ["https://x.org/a_(b)"]),
        ("See https://x.org/a?b={id}&c=%20#top!", ["https://x.org/a?b={id}&c=%20#top"]),
        ("Es ist C:\\Users\\me\\file.txt hier.", ["C:\\Users\\me\\file.txt"]),
        ("It is in C:\\Program Files\\Tool\\a.exe now.", ["C:\\Program Files\\Tool\\a.exe"]),
        ("Run /usr/local/bin/run.sh.", ["/usr/local/bin/run.sh"]),
        ("Open \\\\server\\share, ~/notes or ./a.", ["\\\\server\\share", "~/notes", "./a"]),
        ("Edit src/main.py.", ["src/main.py"]),
        ("Use 192.168.0.1:8080 or [::1]:80 to connect.", ["192.168.0.1:8080", "[::1]:80"]),
        ("Send it to <max@example.com> tomorrow.", ["<max@example.com>"]),
        ("Follow @user_name on #translation.", ["@user_name", "#translation"]),
        ("Go to www.example.com/a?x=1&y=2 now.", ["www.example.com/a?x=1&y=2"]),
        ("Open file.txt. Then close it.", ["file.txt"]),
        ("\u8bf7\u770b https://x.org/a\u3002\u8c22\u8c22", ["https://x.org/a"]),
    ],
)
def test_addresses_are_found_without_the_marks_of_the_sentence(text: str, spans: list[str]) -> None:
    assert found(text) == spans


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("Use `git commit` before you push.", ["`git commit`"]),
        ("The meeting is on 2023-10-01T12:00:00Z.", ["2023-10-01T12:00:00Z"]),
        ("2022-03-19\t13:34:33\tabout two hours", ["2022-03-19", "13:34:33"]),
        ("Version 2.0.1 is out, v1.2-rc1 too.", ["2.0.1", "v1.2-rc1"]),
        ("Version 3.5 costs 3.5 dollars.", ["3.5"]),
        ("Call 555-0199 or +49 30 1234567 now.", ["555-0199", "+49 30 1234567"]),
        ("Set MAX_SIZE, user_id, getName or foo().", ["MAX_SIZE", "user_id", "getName", "foo()"]),
        ("Call obj.do_it() with --dry-run.", ["obj.do_it()", "--dry-run"]),
        ("It is io.DataError of html.parser.tools.", ["io.DataError", "html.parser.tools"]),
        ("Open about:config.", ["about:config"]),
        ("Fix ABC-123 in #42.", ["ABC-123", "#42"]),
        ("It is DE89 3704 0044 0532 0130 00.", ["DE89 3704 0044 0532 0130 00"]),
        ("Id 123e4567-e89b-12d3-a456-426614174000.", ["123e4567-e89b-12d3-a456-426614174000"]),
        ("Paint it #FF00AA.", ["#FF00AA"]),
        ("Here $x^2$ is meant.", ["$x^2$"]),
        ("Commit 3f2a9bc broke it.", ["3f2a9bc"]),
        ("Press 1\ufe0f\u20e3 to go \u2192 on.", ["1\ufe0f\u20e3", "\u2192"]),
        ("Hello \U0001f389 friends \U0001f44d\U0001f3fd!", ["\U0001f389", "\U0001f44d\U0001f3fd"]),
    ],
)
def test_codes_and_symbols_are_found(text: str, spans: list[str]) -> None:
    assert found(text) == spans


@pytest.mark.parametrize(
    "text",
    [
        "It costs 1,250.75 dollars, or $5 to $10, and 100 % sure.",
        "We met at 12:30. Note:this and/or that; he/she :) :D ;-)",
        "Das ist z. B. gut, d. h. 3 von 5 (siehe unten) - oder?",
        "From 1914-1918 the loss was 2.000.000 in Washington D.C.",
        "Yes... well, e.g. now!Then he said \u201cno\u201d.",
        "\u00bfQu\u00e9 hora es? \u2014 Son las 5 p.m.",
        "hello.how are you?i am ok.And you",
        "The 1st, 2nd and 3rd of 50 people; item(s) 4-5.",
        "{see the notes below} 5 > 3 and a < b _really_ don`t",
        "caf&eacute; au lait",
        "",
    ],
)
def test_ordinary_sentences_are_left_to_the_model(text: str) -> None:
    assert found(text) == []


@given(TEXTS)
def test_spans_are_in_the_text_in_order_and_apart(text: str) -> None:
    spans = find_protected(text)
    at = 0
    for span in spans:
        assert at <= span.start < span.stop <= len(text)
        assert span.replacement == text[span.start : span.stop]
        at = span.stop + 1


@pytest.mark.parametrize(
    "unit",
    [
        "{",
        "{a",
        "{a, plural,",
        "%(",
        "`a",
        "[[",
        "<a b=c ",
        "http://a",
        "(",
        "a.",
        "/a",
        "\\\\a",
        "a_",
        "_a_",
        "$a",
        "\\(",
        "1.",
        "1-",
        "1:",
        "a::",
        ":ab:",
        "a->",
        "--a-",
        "aA",
        "abcdef1",
    ],
)
def test_a_repeated_beginning_of_a_span_takes_no_longer_than_plain_text(unit: str) -> None:
    text = unit * (20_000 // len(unit))  # quadratic time would be a minute each
    assert len(find_protected(text)) <= len(text)


def test_words_of_a_script_without_blanks_end_a_span() -> None:
    names = ["{name}", "max@example.com", "@user_name", "file.txt", "MAX_SIZE", "%s"]
    assert found("\u8bf7" + "\u5199\u4fe1\u5230".join(names) + "\u3002") == names
    assert found("[[\u4e3b\u9875]] #\u7ffb\u8bd1") == ["[[\u4e3b\u9875]] #\u7ffb\u8bd1"]


def test_spans_with_a_tag_between_them_stay_two() -> None:
    found = find_protected("Hi {first} {last}!", apart=[11])
    assert [span.replacement for span in found] == ["{first}", "{last}"]
