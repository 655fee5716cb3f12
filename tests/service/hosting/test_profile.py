"""A model's files, its entry and the settings together decide how it is run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from model.engine.config import EngineConfig, MemoryFraction
from service.catalogue.catalogue import CatalogueError
from service.hosting.profile import CheckpointInfo, profile_of
from service.settings import Settings
from service.sources.locate import locate
from tests.support.checkpoints.tiny_models import TRANSLATOR, tiny_entry, write_tiny_models


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_tiny_models(tmp_path_factory.mktemp("models"))


def engine_of(
    folders: dict[str, Path], *, device: str, entry: dict[str, Any] | None = None, **settings: Any
) -> EngineConfig:
    """Return the engine's config of a tiny model on a device, which need not exist."""
    chosen = Settings(device="cpu", **settings)
    model = tiny_entry(folders, TRANSLATOR, **(entry or {}))
    source = locate(model.path, revision=None, settings=chosen)
    checkpoint = replace(CheckpointInfo.read(source, model, chosen), device=torch.device(device))
    return profile_of(model, chosen, checkpoint, source=source).engine


def test_the_cache_has_two_gigabytes_on_a_cpu_and_a_measured_part_of_a_gpu(
    folders: dict[str, Path],
) -> None:
    assert engine_of(folders, device="cpu").kv_cache_bytes == 2 << 30
    assert engine_of(folders, device="cuda").kv_cache_bytes == MemoryFraction(0.9)
    part = engine_of(folders, device="cuda", memory_fraction=0.25)
    assert part.kv_cache_bytes == MemoryFraction(0.25)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_bytes_that_are_set_go_before_measured_ones(folders: dict[str, Path], device: str) -> None:
    assert engine_of(folders, device=device, kv_cache_bytes=5 << 20).kv_cache_bytes == 5 << 20
    named = engine_of(
        folders, device=device, entry={"kv_cache_bytes": 6 << 20}, kv_cache_bytes=5 << 20
    )
    assert named.kv_cache_bytes == 6 << 20


def test_a_gpu_encodes_more_at_once(folders: dict[str, Path]) -> None:
    on_cpu, on_gpu = (engine_of(folders, device=device) for device in ("cpu", "cuda"))
    assert on_gpu.max_encode_tokens == 8 * on_cpu.max_encode_tokens


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        ([9, 0], r"layer 9, but the decoder has \d, 0 to \d"),
        ([0, 7], "head 7, but the decoder has 2, 0 to 1"),
    ],
)
def test_a_head_that_the_network_lacks_is_refused_with_the_limit(
    folders: dict[str, Path], head: list[int], sentence: str
) -> None:
    with pytest.raises(CatalogueError, match=f"'{TRANSLATOR}', alignment_heads: .*{sentence}"):
        engine_of(folders, device="cpu", entry={"alignment_heads": [[0, 0], head]})
