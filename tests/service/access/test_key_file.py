"""The keys file: what is refused, in which words, and that a change is whole or not at all."""

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from service.access.key_file import KeyFileError, read_key_file
from service.yaml_file import MAX_BYTES
from tests.support.service.commands import dragoman, succeed
from tests.support.service.keys import make_key

SECRET = "dragoman_0123456789abcdefghijklmnopqrstuv"  # noqa: S105 - must not be shown


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.yaml"
    make_key(path, "one", "--requests-per-minute", "5")
    make_key(path, "two")
    return path


def message_for(file: Path, text: str) -> str:
    file.write_text(text)
    with pytest.raises(KeyFileError) as caught:
        read_key_file(file)
    assert SECRET not in str(caught.value)
    assert str(file) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("name: two", f"key: {SECRET}", "keys[1].key: is no field of a keys file"),
        ("name: two", f"{SECRET}: two", "keys[1]....: is no field of a keys file"),
        ("  name: two\n", "", "keys[1].name: is missing"),
        ("name: two", "name: one", "keys[1] has the same name as keys[0]"),
        ("name: two", f"name: {SECRET}", "keys[1].name: must not look like an id or a key"),
        ("requests_per_minute: 5", "requests_per_minute: 0", "keys[0].requests_per_minute: "),
        ("requests_per_minute: 5", f"requests_per_minute: {10**19}", "[0].requests_per_minute: "),
        ("requests_per_minute: 5", "requests_per_minute: '5'", "keys[0].requests_per_minute: "),
        ("- summarize\n  created", "- sumarize\n  created", "keys[1].scopes[1]: "),
        ("keys:\n", f"keys: {SECRET}\nold:\n", "keys: must be a list"),
        ("hash: ", f"hash: {SECRET}", "keys[0].hash: "),
        ("salt: ", f"salt: {SECRET}", "salt: "),
        ("created: '", "created: 'in ", "keys[0].created: must be a time"),
    ],
)
def test_a_mistake_is_named_by_line_entry_and_field_and_no_value_is_shown(
    file: Path, old: str, new: str, sentence: str
) -> None:
    text = file.read_text()
    assert old in text
    entries = yaml.safe_load(text)
    message = message_for(file, text.replace(old, new))
    assert sentence in message
    for entry in entries["keys"]:
        assert entry["hash"] not in message
    assert entries["salt"] not in message


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"keys: [*{SECRET}]", id="alias"),
        pytest.param(f"{SECRET}: 1\n{SECRET}: 2\n", id="key twice"),
        pytest.param(f"keys: '{SECRET}", id="quote"),
        pytest.param(f"[{SECRET}, {SECRET}]", id="list"),
        pytest.param(SECRET, id="scalar"),
        pytest.param("", id="empty"),
        pytest.param("[" * 10_000, id="deep"),
        pytest.param("#" * (MAX_BYTES + 1), id="large"),
    ],
)
def test_what_is_no_keys_file_is_refused_in_one_sentence(file: Path, text: str) -> None:
    message = message_for(file, text)
    assert "\n" not in message
    assert len(message) < 300


def test_a_file_that_is_not_there_is_refused_with_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="No such file or directory; `dragoman keys create"):
        read_key_file(tmp_path / "keys.yaml")


def test_what_is_no_regular_file_is_refused_at_once() -> None:
    with pytest.raises(KeyFileError, match="no regular file"):
        read_key_file(Path("/dev/zero"))


def test_a_new_file_is_its_owner_s_and_an_old_one_keeps_its_mode(file: Path) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o640)  # readable by the group that the service runs as
    make_key(file, "three")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_keys_that_are_made_at_the_same_time_are_all_kept(file: Path) -> None:
    def make(number: int) -> None:
        code = (
            "import sys; from service.cli.main import app;"
            f"sys.argv = ['dragoman', 'keys', 'create', 'n{number}', '--keys-file', {str(file)!r}];"
            "app()"
        )
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)  # noqa: S603

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(make, range(4)))
    assert {entry.name for entry in read_key_file(file).keys} == {
        "one",
        "two",
        *(f"n{number}" for number in range(4)),
    }


def test_a_link_to_the_file_stays_a_link(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    make_key(link, "three")
    assert link.is_symlink()
    assert len(read_key_file(file).keys) == 3


def test_a_file_that_cannot_be_used_is_left_as_it_is(file: Path) -> None:
    file.write_text("keys: 7")
    for command in (("create", "a"), ("revoke", "one")):
        assert dragoman("keys", *command, "--keys-file", str(file)).exit_code == 1
    assert file.read_text() == "keys: 7"
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_each_file_has_a_salt_of_its_own_and_holds_no_key(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    keys = [make_key(one, "a"), make_key(two, "a")]
    assert keys[0] != keys[1]
    assert read_key_file(one).salt != read_key_file(two).salt
    for path in (one, two):
        assert not any(key.removeprefix("dragoman_") in path.read_text() for key in keys)


def test_what_revoking_leaves_is_what_was_there_before(file: Path) -> None:
    before = read_key_file(file)
    make_key(file, "three")
    succeed("keys", "revoke", "three", "--keys-file", str(file))
    assert read_key_file(file) == before
