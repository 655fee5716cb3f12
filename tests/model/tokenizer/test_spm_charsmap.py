import pytest

from model.tokenizer.spm_charsmap import Charsmap


def make_blob(*, units: int = 256, right_sides: bytes = b"x\0") -> bytes:
    return (4 * units).to_bytes(4, "little") + bytes(4 * units) + right_sides


def test_an_empty_trie_changes_nothing() -> None:
    assert Charsmap(make_blob()).rewrite("Any ﬁtting text\x01") == "Any ﬁtting text\x01"


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (b"", "cannot hold a trie"),
        (b"\x00\x04\x00\x00", "cannot hold a trie"),
        (make_blob()[:-2], "cannot hold a trie"),
        (make_blob(units=100), "cannot hold a trie"),
        (make_blob(right_sides=b"x"), "has no end"),
        (make_blob(right_sides=b"x  y\0"), "two blanks in a row"),
    ],
)
def test_a_broken_map_is_refused(blob: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Charsmap(blob)


def test_a_trie_that_points_outside_itself_matches_nothing() -> None:
    blob = (1024).to_bytes(4, "little") + b"\xff\xff\xff\x7f" * 256 + b"x\0"
    assert Charsmap(blob).rewrite("abc\u00e4") == "abc\u00e4"
