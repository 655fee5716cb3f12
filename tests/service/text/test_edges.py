"""Marks at the edges of a line are told from its words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.edges import cells, edges

LINES = st.lists(
    st.sampled_from(
        [
            *(
                "> ",
                "* ",
                "- ",
                "1. ",
                "(iv) ",
                "# ",
                "[x] ",
                "**",
                "_",
                "== ",
                "— ",
                "✅",
                "1\ufe0f\u20e3",
            ),
            *(
                "word",
                "Hello.",
                " ",
                "  ",
                "    ",
                "\t",
                "|",
                " | ",
                "`",
                "\u200d",
                "\n",
                "3. Oktober",
            ),
        ]
    )
    | st.text(max_size=3),
    max_size=12,
).map("".join)


@pytest.mark.parametrize(
    ("line", "before", "words", "after"),
    [
        ("* Milk\n", "* ", "Milk", "\n"),
        ("- Milk", "- ", "Milk", ""),
        ("• Milk", "• ", "Milk", ""),
        ("– Milk", "– ", "Milk", ""),  # noqa: RUF001 - a dash as a bullet
        ("→ Next →", "→ ", "Next", " →"),
        ("- [x] Done\r\n", "- [x] ", "Done", "\r\n"),
        ("☐ To do", "☐ ", "To do", ""),
        ("1. Open it.", "1. ", "Open it.", ""),
        ("1) Open it.", "1) ", "Open it.", ""),
        ("a) Go home.", "a) ", "Go home.", ""),
        ("(iv) Go home.", "(iv) ", "Go home.", ""),
        ("viii) Go home.", "viii) ", "Go home.", ""),
        ("1.2. Results", "1.2. ", "Results", ""),
        ("1.2.3 Results", "1.2.3 ", "Results", ""),
        ("[1] See above.", "[1] ", "See above.", ""),
        ("> > Beware of it.", "> > ", "Beware of it.", ""),
        ("## Title ##", "## ", "Title", " ##"),
        ("== Title ==", "== ", "Title", " =="),
        ("**Go home.**", "**", "Go home.", "**"),
        ("> 1. **Go home.** ✅", "> 1. **", "Go home.", "** ✅"),
        ("_really nice_", "_", "really nice", "_"),
        ("— Hola.", "— ", "Hola.", ""),
        ("—¿Qué tal? —dijo Ana.", "—", "¿Qué tal? —dijo Ana.", ""),
        ("-Hello.", "-", "Hello.", ""),
        ("♪ I love you ♪", "♪ ", "I love you", " ♪"),
        ("★★★★☆ Great", "★★★★☆ ", "Great", ""),
        ("✅ Done", "✅ ", "Done", ""),
        ("2\ufe0f\u20e3 Two 1\ufe0f\u20e3", "2\ufe0f\u20e3 ", "Two", " 1\ufe0f\u20e3"),
        ("Fine 👍🏽", "", "Fine", " 👍🏽"),
        ("│ Name │", "│ ", "Name", " │"),
    ],
)
def test_a_mark_at_the_edge_is_parted_from_the_words(
    line: str, before: str, words: str, after: str
) -> None:
    assert edges(line) == (before, words, after)


@pytest.mark.parametrize(
    "line",
    [
        "3. Oktober ist ein Feiertag.",
        "1. FC Köln hat gewonnen.",
        "2. und letzter Versuch",
        "3.5 million people came.",
        "2.0.1 is out.",
        "-5 °C is cold.",
        ">5 people",
        "**Note:** Go home.",
        "*a* and *b*",
        "__init__",
        "#tag",
        "J. K. Rowling",
        "§ 5 Abs. 2",
        "I ❤ you",
        "„Komm!“",
        "Windows®",
        "(see above) Go.",
        "क्\u200d",
    ],
)
def test_what_belongs_to_the_words_stays_with_them(line: str) -> None:
    assert edges(line) == ("", line, "")


@pytest.mark.parametrize("line", ["", "  \n", "- - -", "🎉🎉", "10 km", "1. ", "> 5"])
def test_a_line_without_words_is_before_them(line: str) -> None:
    assert edges(line) == (line, "", "")


@given(line=LINES)
def test_the_edges_and_the_words_joined_are_the_line(line: str) -> None:
    assert "".join(edges(line)) == line


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("One two", ["One two"]),
        ("One\tTwo\t\tThree", ["One", "Two", "Three"]),
        ("Name    Age", ["Name", "Age"]),
        ("Name  Age  City", ["Name", "Age", "City"]),
        ("I am  fine.", ["I am  fine."]),
        ("I am  very  glad.", ["I am  very  glad."]),
        ("It ends.  It begins.  It ends.", ["It ends.  It begins.  It ends."]),
        ("|One|Two|", ["One", "Two"]),
        ("> |One|Two|", ["> ", "One", "Two"]),
        ("Home | My page", ["Home ", " My page"]),
        ("Use `a | b` here.", ["Use `a | b` here."]),
        ("The value |x| is one.", ["The value |x| is one."]),
        ("    Indented", ["    Indented"]),
    ],
)
def test_tabs_pipes_and_columns_part_cells(line: str, expected: list[str]) -> None:
    assert [cell for cell, has_content in cells(line) if has_content] == expected


@given(line=LINES)
def test_the_cells_and_what_parts_them_joined_are_the_line(line: str) -> None:
    assert "".join(cell for cell, _ in cells(line)) == line
