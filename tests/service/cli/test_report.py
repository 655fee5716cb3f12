import pytest

from service.cli.report import MAX_LINE, columns, size, table, wrapped


def test_a_title_stands_once_and_texts_below_each_other() -> None:
    rows = [("a", "1"), ("files", "x"), ("files", "y"), ("b", "")]
    assert columns(rows) == "a      1\nfiles  x\n       y\nb"


def test_cells_of_a_table_stand_below_each_other_and_empty_columns_take_no_room() -> None:
    rows = [("a", "", "one", "x"), ("bcd", "", "", "y"), ("e", "", "three", "")]
    assert table(rows) == ["a    one    x", "bcd         y", "e    three"]


def test_a_long_text_is_wrapped_between_words() -> None:
    words = ["ace-Arab"] * 30
    lines = wrapped(" ".join(words))
    assert max(map(len, lines)) <= MAX_LINE
    assert " ".join(lines).split() == words
    assert wrapped("") == [""]


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1.0 KB"),
        (12_345_678, "12.3 MB"),
        (5e15, "5000.0 TB"),
    ],
)
def test_a_size_is_in_the_unit_that_fits(num_bytes: float, text: str) -> None:
    assert size(int(num_bytes)) == text
