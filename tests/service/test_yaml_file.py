"""YAML with its lines, and what of YAML is not taken."""

import pytest

from service.yaml_file import MAX_BYTES, YamlError, parse_yaml

TEXT = """\
# a comment

models:
  - name: a
    pairs:
      - en-de
      - de-en
  - {name: b, limits: {rows: 1,
     bytes: 2}}
"""


@pytest.mark.parametrize(
    ("location", "line"),
    [
        ((), 3),
        (("models",), 3),
        (("models", 0), 4),
        (("models", 0, "pairs"), 5),
        (("models", 0, "pairs", 1), 7),
        (("models", 1, "limits", "rows"), 8),
        (("models", 1, "limits", "bytes"), 9),
        (("models", 0, "path"), 4),
        (("models", 7, "path"), 3),
    ],
)
def test_a_location_has_the_line_of_its_key_or_of_the_nearest_there_is(
    location: tuple[str | int, ...], line: int
) -> None:
    assert parse_yaml(TEXT).line(location) == line


def test_a_location_is_as_deep_as_the_file_has_it() -> None:
    file = parse_yaml(TEXT)
    assert file.depth(("models", 0, "pairs", 1)) == 4
    assert file.depth(("models", 0, "path", "x")) == 2


def test_norwegian_is_a_language_and_a_date_is_a_text() -> None:
    data = parse_yaml("languages: [no, on, en]\nrevision: 2024-05-01\nwarm_up: true").data
    assert data == {"languages": ["no", "on", "en"], "revision": "2024-05-01", "warm_up": True}


def test_what_an_alias_brings_in_has_the_line_where_it_is_written() -> None:
    file = parse_yaml("a: &x {dtype: int8, rows: 1}\nb:\n  <<: *x\n  rows: 2\n")
    assert file.data["b"] == {"dtype": "int8", "rows": 2}
    assert file.line(("b", "dtype")) == 1
    assert file.line(("b", "rows")) == 4


def test_an_empty_file_is_nothing_in_line_1() -> None:
    file = parse_yaml("# nothing\n")
    assert file.data is None
    assert file.line(("models", 0)) == 1


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        pytest.param("a: 1\nb: 2\na: 3", 3, "'a' is given twice, first in line 1", id="key twice"),
        pytest.param("a: {b: 1, b: 2}", 1, "'b' is given twice", id="key twice in a line"),
        pytest.param("a: 1\nmodels: [", 2, "not YAML: expected the node content", id="unfinished"),
        pytest.param("a: 1\n\tb: 2", 2, "not YAML", id="tab"),
        pytest.param("a: 1\nb: \x01", 2, r"no character U\+0001", id="control character"),
        pytest.param("? [a]\n: b", 1, "unhashable key", id="a list as a key"),
        pytest.param("a: !!python/name:os.system", 1, "could not determine", id="Python"),
        pytest.param(f"a: {'1' * 5_000}", 1, "not YAML", id="a number without end"),
        pytest.param("a: !!bool maybe", 1, "does not fit its tag", id="no truth value"),
        pytest.param("a: !!int ''", 1, "does not fit its tag", id="no number"),
        pytest.param("a: !!timestamp soon", 1, "does not fit its tag", id="no time"),
        pytest.param("a: 1\n---\nb: 2", 2, "but found another document", id="two documents"),
        pytest.param("a: &x [*x]", 1, "an alias of itself", id="endless"),
        pytest.param(BOMB, 5, "more than 100000 values", id="billion laughs"),
        pytest.param("[" * 100_000, 1, "nested too deeply", id="deep"),
        pytest.param("#" * (MAX_BYTES + 1), 1, "more than 1048576 bytes", id="large"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_its_line(text: str, line: int, sentence: str) -> None:
    with pytest.raises(YamlError, match=sentence) as caught:
        parse_yaml(text)
    assert caught.value.line == line
