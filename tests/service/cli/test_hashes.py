from pathlib import Path

import pytest

from service.cli.hashes import FileHash, hashes_of
from service.cli.terminal import CommandError
from tests.support.hub.server import git_hash_of, sha256_of

WEIGHTS = "model.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / WEIGHTS).write_bytes(b"weights")
    (tmp_path / "config.json").write_bytes(b"{}")
    return tmp_path


def link(folder: Path, name: str, content: bytes, *, called: str) -> None:
    """A file as a hub's cache has it."""
    blob = folder / "blobs" / called
    blob.parent.mkdir(exist_ok=True)
    blob.write_bytes(content)
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(blob)


def test_weights_that_nobody_vouches_for_have_a_hash_all_the_same(folder: Path) -> None:
    expected = FileHash(file=WEIGHTS, hash=sha256_of(b"weights"), expected=None, authority=None)
    assert hashes_of(folder, {}) == [expected]
    assert not expected.is_wrong


@pytest.mark.parametrize("is_right", [True, False])
def test_a_hash_of_the_catalogue_is_compared(folder: Path, *, is_right: bool) -> None:
    catalogue = {"config.json": sha256_of(b"{}" if is_right else b"{ }")}
    config, weights = hashes_of(folder, catalogue)
    assert (config.file, config.authority, config.is_wrong) == (
        "config.json",
        "catalogue",
        not is_right,
    )
    assert weights.file == WEIGHTS


@pytest.mark.parametrize(
    "form", ["{} model.safetensors", "{} *model.safetensors", "{} ./model.safetensors"]
)
def test_a_file_of_sums_is_read_in_all_its_forms(folder: Path, form: str) -> None:
    line = form.format(sha256_of(b"weights").upper() + " " * (form[3] != "*"))
    (folder / "SHA256SUMS").write_text(f"{line}\n")
    (one,) = hashes_of(folder, {})
    assert (one.authority, one.is_wrong) == ("SHA256SUMS", False)
    (folder / WEIGHTS).write_bytes(b"other weights")
    (one,) = hashes_of(folder, {})
    assert one.is_wrong


@pytest.mark.parametrize("line", ["nonsense", f"{'0' * 64}  ../outside", f"{'0' * 63}  x"])
def test_a_line_of_sums_that_means_nothing_is_named(folder: Path, line: str) -> None:
    (folder / "SHA256SUMS").write_text(f"{sha256_of(b'weights')}  {WEIGHTS}\n{line}\n")
    with pytest.raises(CommandError, match="SHA256SUMS, line 2: not a hash"):
        hashes_of(folder, {})


def test_a_file_with_a_hash_that_is_not_there_is_an_error(folder: Path) -> None:
    (folder / "SHA256SUMS").write_text(f"{'0' * 64}  vocab.json\n")
    with pytest.raises(CommandError, match=r"vocab\.json: No such file"):
        hashes_of(folder, {})


def test_files_of_a_hub_are_what_their_blobs_are_called(folder: Path) -> None:
    link(folder, WEIGHTS, b"weights", called=sha256_of(b"weights"))
    link(folder, "config.json", b"{}", called=git_hash_of(b"{}"))
    assert [(one.authority, one.is_wrong) for one in hashes_of(folder, {})] == [("hub", False)] * 2


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_a_file_of_a_hub_that_was_damaged_is_found(folder: Path, name: str) -> None:
    link(folder, WEIGHTS, b"weights", called=sha256_of(b"weights"))
    link(folder, "config.json", b"{}", called=git_hash_of(b"{}"))
    (folder / name).write_bytes(b"damage")
    assert [one.file for one in hashes_of(folder, {}) if one.is_wrong] == [name]


def test_other_links_are_no_hashes(folder: Path) -> None:
    (folder / "elsewhere").write_bytes(b"weights")
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).symlink_to(folder / "elsewhere")
    (one,) = hashes_of(folder, {})
    assert one.expected is None
