"""A checkpoint's JSON file is an object, else the error says what it is."""

from pathlib import Path

import pytest

from model.errors import CheckpointError
from model.json_file import read_json_object


def test_an_object_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"größe": [1, null]}', encoding="utf-8")
    assert read_json_object(path) == {"größe": [1, None]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "not valid JSON", id="empty"),
        pytest.param(b'{"a": ', "not valid JSON", id="truncated"),
        pytest.param(b"\xff\xfe", "not valid JSON", id="not UTF-8"),
        pytest.param(b"[" * 100_000, "not valid JSON", id="nested without end"),
        pytest.param(b"[1]", "must be a JSON object, is a list", id="a list"),
    ],
)
def test_anything_but_an_object_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=f"config.json: {message}"):
        read_json_object(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read: Is a directory"):
        read_json_object(tmp_path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json: cannot be read: No such file"):
        read_json_object(tmp_path / "config.json")
