"""Checkpoints: tensors read in full or in pieces, and one clear error for a faulty folder."""

import os
import re
import struct
from pathlib import Path

import pytest
import torch
from torch import Tensor

from model.errors import CheckpointError
from model.weights import checkpoint as checkpoint_module
from model.weights.checkpoint import FLOATS, Checkpoint
from model.weights.files import INDEX_FILE, SINGLE_FILE
from tests.support.checkpoints.factories import (
    write_json,
    write_tensors,
)

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(4)}
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def write_shards(folder: Path, weight_map: object) -> Path:
    for name, shard in zip(TENSORS, SHARDS, strict=True):
        write_tensors(folder, {name: TENSORS[name]}, name=shard)
    write_json(folder / INDEX_FILE, {"metadata": {}, "weight_map": weight_map})
    return folder


def assert_equal(checkpoint: Checkpoint, tensors: dict[str, Tensor]) -> None:
    assert set(checkpoint) == set(tensors)
    assert len(checkpoint) == len(tensors)
    for name, tensor in tensors.items():
        assert torch.equal(checkpoint[name], tensor)
        assert checkpoint.shape(name) == tuple(tensor.shape)


def test_one_file_is_read(tmp_path: Path) -> None:
    write_tensors(tmp_path, TENSORS)
    assert_equal(Checkpoint(tmp_path), TENSORS)


def test_several_files_are_read_by_their_index(tmp_path: Path) -> None:
    write_shards(tmp_path, dict(zip(TENSORS, SHARDS, strict=True)))
    assert_equal(Checkpoint(tmp_path), TENSORS)


def test_a_name_that_is_not_there_is_a_key_error(tmp_path: Path) -> None:
    write_tensors(tmp_path, TENSORS)
    checkpoint = Checkpoint(tmp_path)
    assert "c" not in checkpoint
    with pytest.raises(KeyError):
        checkpoint["c"]


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("piece_bytes", [8, 24, 1 << 20])
def test_a_tensor_is_copied_piece_by_piece_into_any_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, piece_bytes: int
) -> None:
    monkeypatch.setattr(checkpoint_module, "_PIECE_BYTES", piece_bytes)
    stored = torch.arange(35.0).view(5, 7).to(FLOATS[kind])
    write_tensors(tmp_path, {"x": torch.ones(3), "y": stored, "z": torch.ones(3)})
    checkpoint = Checkpoint(tmp_path)
    assert checkpoint.kind("y") == kind
    for dtype in FLOATS.values():
        target = torch.full((5, 7), -1, dtype=dtype)
        checkpoint.copy("y", target)
        assert torch.equal(target, stored.to(dtype))


def test_an_empty_tensor_has_no_pieces(tmp_path: Path) -> None:
    write_tensors(tmp_path, {"x": torch.empty(0, 4)})
    assert list(Checkpoint(tmp_path).pieces("x")) == []


def test_tensors_are_compared_to_the_last_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_module, "_PIECE_BYTES", 16)
    first = torch.arange(10.0)
    last_differs = first.clone()
    last_differs[-1] = 0.0
    write_tensors(
        tmp_path,
        {
            "first": first,
            "same": first.clone(),
            "last differs": last_differs,
            "another shape": first.view(2, 5).clone(),
            "another type": first.double(),
        },
    )
    checkpoint = Checkpoint(tmp_path)
    assert [name for name in checkpoint if checkpoint.are_equal("first", name)] == ["first", "same"]


def test_numbers_that_lie_at_an_odd_place_are_read(tmp_path: Path) -> None:
    """Most writers pad the header for alignment, but the format does not require it."""
    header = b'{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}'
    header += b" " * (8 - len(header) % 8 + 1)
    data = torch.arange(3.0).numpy().tobytes()
    (tmp_path / SINGLE_FILE).write_bytes(struct.pack("<Q", len(header)) + header + data)
    target = torch.empty(3)
    Checkpoint(tmp_path).copy("x", target)
    assert torch.equal(target, torch.arange(3.0))


def test_a_file_that_is_truncated_after_it_was_opened_is_an_error(tmp_path: Path) -> None:
    path = write_tensors(tmp_path, {"x": torch.ones(1_000)})
    checkpoint = Checkpoint(tmp_path)
    os.truncate(path, path.stat().st_size - 4)
    with pytest.raises(CheckpointError, match=f"{SINGLE_FILE}: has changed since"):
        list(checkpoint.pieces("x"))


def test_a_file_that_is_truncated_while_it_is_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_module, "_PIECE_BYTES", 1 << 16)  # more than a file reads ahead
    path = write_tensors(tmp_path, {"x": torch.ones(1 << 15)})
    pieces = Checkpoint(tmp_path).pieces("x")
    next(pieces)
    os.truncate(path, path.stat().st_size - 4)
    with pytest.raises(CheckpointError, match=f"{SINGLE_FILE}: was truncated"):
        list(pieces)


def test_a_file_that_is_replaced_after_it_was_opened_is_an_error(tmp_path: Path) -> None:
    """Else tensors would be read at the offsets of the earlier file."""
    path = write_tensors(tmp_path / "served", {"x": torch.zeros(10), "y": torch.ones(10)})
    checkpoint = Checkpoint(tmp_path / "served")
    write_tensors(tmp_path / "new", {"y": torch.full((30,), 7.0)}).replace(path)
    with pytest.raises(CheckpointError, match=f"{SINGLE_FILE}: has changed since"):
        checkpoint.copy("x", torch.empty(10))
    assert torch.equal(checkpoint["y"], torch.ones(10))  # mapped, it is the file that was opened


def test_a_file_that_is_replaced_by_one_of_the_same_size_is_an_error(tmp_path: Path) -> None:
    path = write_tensors(tmp_path / "served", {"x": torch.zeros(10)})
    checkpoint = Checkpoint(tmp_path / "served")
    new = write_tensors(tmp_path / "new", {"x": torch.ones(10)})
    opened = path.stat()
    assert new.stat().st_size == opened.st_size
    os.utime(new, ns=(opened.st_atime_ns, opened.st_mtime_ns + 1_000_000_000))
    new.replace(path)
    with pytest.raises(CheckpointError, match=f"{SINGLE_FILE}: has changed since"):
        checkpoint.copy("x", torch.empty(10))


def test_a_file_that_is_deleted_after_it_was_opened_is_an_error(tmp_path: Path) -> None:
    path = write_tensors(tmp_path, {"x": torch.ones(3)})
    checkpoint = Checkpoint(tmp_path)
    path.unlink()
    with pytest.raises(CheckpointError, match=f"{SINGLE_FILE}: cannot be read: No such file"):
        list(checkpoint.pieces("x"))


def test_a_link_to_a_file_elsewhere_is_followed(tmp_path: Path) -> None:
    """The cache of Hugging Face's hub consists of such links."""
    blob = write_tensors(tmp_path / "blobs", TENSORS, name="0123abcd")
    snapshot = tmp_path / "snapshots"
    snapshot.mkdir()
    (snapshot / SINGLE_FILE).symlink_to(blob)
    assert_equal(Checkpoint(snapshot), TENSORS)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere: no such folder"):
        Checkpoint(tmp_path / "nowhere")


def test_a_folder_without_weights_says_which_files_were_looked_for(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=f"{SINGLE_FILE} nor {INDEX_FILE}"):
        Checkpoint(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not a tensor in sight", id="text"),
        pytest.param(struct.pack("<Q", 1 << 60) + b"{}", id="a header of an exabyte"),
        pytest.param(struct.pack("<Q", 2) + b"[]", id="a header that is no object"),
    ],
)
def test_a_file_that_is_not_safetensors(tmp_path: Path, content: bytes) -> None:
    (tmp_path / SINGLE_FILE).write_bytes(content)
    with pytest.raises(CheckpointError, match=f"{SINGLE_FILE}: truncated, or not a safetensors"):
        Checkpoint(tmp_path)


@pytest.mark.parametrize("num_missing", [1, 20, 90])
def test_a_truncated_file(tmp_path: Path, num_missing: int) -> None:
    path = write_tensors(tmp_path, TENSORS)
    path.write_bytes(path.read_bytes()[:-num_missing])
    with pytest.raises(CheckpointError, match=f"{SINGLE_FILE}: truncated"):
        Checkpoint(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "../evil.safetensors",
        "/etc/evil.safetensors",
        "sub/evil.safetensors",
        "..",
        "",
        ".hidden.safetensors",
        "evil.safetensors\0",
        "pytorch_model.bin",
        7,
        None,
    ],
)
def test_an_index_names_only_files_beside_it(tmp_path: Path, name: object) -> None:
    """Each file exists, so that only the check prevents its being read."""
    folder = write_shards(tmp_path / "model", {"a": SHARDS[0], "b": name})
    for place in (tmp_path, folder / "sub"):
        write_tensors(place, {"b": TENSORS["b"]}, name="evil.safetensors")
    expected = f"{INDEX_FILE}: {name!r} is not the name of a .safetensors file here"
    with pytest.raises(CheckpointError, match=re.escape(expected)):
        Checkpoint(folder)


def test_an_index_that_names_a_missing_file(tmp_path: Path) -> None:
    write_shards(tmp_path, dict(zip(TENSORS, SHARDS, strict=True)))
    (tmp_path / SHARDS[1]).unlink()
    with pytest.raises(CheckpointError, match=f"{SHARDS[1]}: no such file"):
        Checkpoint(tmp_path)


def test_two_files_with_a_tensor_of_one_name(tmp_path: Path) -> None:
    write_shards(tmp_path, dict(zip(TENSORS, SHARDS, strict=True)))
    write_tensors(tmp_path, TENSORS, name=SHARDS[1])
    with pytest.raises(CheckpointError, match=f"{SHARDS[1]}: another file, too, .* 'a'"):
        Checkpoint(tmp_path)


@pytest.mark.parametrize("weight_map", [None, {}, [], "a"], ids=str)
def test_an_index_without_a_weight_map(tmp_path: Path, weight_map: object) -> None:
    write_shards(tmp_path, weight_map)
    with pytest.raises(CheckpointError, match=f"{INDEX_FILE}: has no weight_map"):
        Checkpoint(tmp_path)
