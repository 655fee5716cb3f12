"""Models for a hub on this machine: files of the right names, and next to nothing in them."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from model.weights.files import INDEX_FILE, SINGLE_FILE
from service.settings import Settings
from service.sources.hub import HubModel

HUB_ID = "somebody/opus"
COMMIT = "a" * 40
TOKEN = "hf_VerySecret"  # noqa: S105


def write_model(folder: Path, *, seed: int = 0) -> Path:
    """Write a folder as authors upload them, with tiny weights and files that are not loaded."""
    folder.mkdir()
    write_weights(folder / SINGLE_FILE, seed=seed)
    (folder / "config.json").write_text(json.dumps({"model_type": "marian", "seed": seed}))
    names = ("vocab.json", "source.spm", "README.md")
    for name in (*names, "pytorch_model.bin", "tf_model.h5"):
        (folder / name).write_bytes(name.encode())
    return folder


def write_weights(path: Path, *, seed: int = 0) -> None:
    save_file({"weight": np.random.default_rng(seed).normal(size=99)}, path)


def write_index(folder: Path, *shards: str) -> None:
    weight_map = {f"weight.{number}": shard for number, shard in enumerate(shards)}
    (folder / INDEX_FILE).write_text(json.dumps({"weight_map": weight_map}))


def without_safetensors(folder: Path) -> Path:
    """Remove the safetensors of such a folder, so that only pickles are left."""
    (folder / SINGLE_FILE).unlink()
    return folder


def model(tmp_path: Path, *, revision: str | None = None, offline: bool = False) -> HubModel:
    """Return the model of the hub, with a cache in a folder."""
    settings = Settings(cache_folder=tmp_path / "cache", offline=offline)
    return HubModel(hub_id=HUB_ID, revision=revision, settings=settings)
