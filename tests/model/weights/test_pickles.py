"""Pickles in a checkpoint's folder: refused with a way out, and never executed."""

import os
import pickle
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from model.errors import CheckpointError
from model.families.marian import MARIAN
from model.json_file import read_json_object
from model.weights.checkpoint import Checkpoint
from model.weights.files import SINGLE_FILE
from model.weights.loading import load_network
from tests.support.checkpoints.factories import (
    fresh_network,
    marian_config,
    tensors_of,
    write_json,
    write_tensors,
)

TENSORS = {"a": torch.ones(4)}


class Exploit:
    """An object that makes a folder when it is unpickled."""

    def __init__(self, proof: Path) -> None:
        self._proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._proof),)


def test_a_pickle_is_refused_and_not_executed(tmp_path: Path) -> None:
    proof = tmp_path / "executed"
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(pickle.dumps(Exploit(proof)))
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin: a pickle can run code"):
        Checkpoint(tmp_path)
    assert not proof.exists()
    pickle.loads(path.read_bytes())  # noqa: S301 - our own; shows that it does run when unpickled
    assert proof.is_dir()


def test_a_pickle_that_is_called_safetensors_is_not_executed(tmp_path: Path) -> None:
    proof = tmp_path / "executed"
    (tmp_path / SINGLE_FILE).write_bytes(pickle.dumps(Exploit(proof)))
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        Checkpoint(tmp_path)
    assert not proof.exists()


def test_beside_safetensors_a_pickle_is_no_matter(tmp_path: Path) -> None:
    write_tensors(tmp_path, TENSORS)
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    assert Checkpoint(tmp_path).keys() == TENSORS.keys()


def test_the_command_that_the_refusal_of_a_pickle_names_converts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "it's a model"
    folder.mkdir()
    hf_config = marian_config()
    tensors = tensors_of(fresh_network(hf_config), MARIAN)
    torch.save(tensors, folder / "pytorch_model.bin")
    write_json(folder / "config.json", hf_config)
    with pytest.raises(CheckpointError) as refusal:
        Checkpoint(folder)
    program, option, code, *arguments = shlex.split(str(refusal.value).split(": ", 2)[2])
    assert [program, option, *arguments] == ["python", "-c", str(folder)]
    monkeypatch.setattr(sys, "argv", [option, *arguments])
    exec(code, {})  # noqa: S102 - what the command runs, without the start of another Python
    config = MARIAN.architecture(hf_config)
    converted = load_network(
        config,
        Checkpoint(folder),
        MARIAN.weights(config),
        dtype=torch.float32,
        device=torch.device("cpu"),
    )
    found = tensors_of(converted, MARIAN)
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())
    assert read_json_object(folder / "config.json") == hf_config
