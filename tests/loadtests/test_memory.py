"""A checkpoint is loaded in little more memory than it needs, measured in a process of its own."""

import json
import sys
from pathlib import Path

import pytest
import torch

from loadtests import sharded
from loadtests.memory import loading as memory
from loadtests.sharded import Shape, write_shards
from model.transformer.int8 import Int8Linear
from model.transformer.packed import PackedLinear
from model.weights.checkpoint import Checkpoint

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

# 89 million parameters. The limits are over the weights' bytes; what does not grow with them, such
# as kernels, the tokenizer and the cache, comes to some 20 MB: nothing beside a large model.
LIMITS = {"float32": 1.15, "bfloat16": 1.25, "int8": 1.5}
SHAPE = {"d-model": 512, "d-ff": 2_048, "num-layers": 12, "num-heads": 8, "vocab-size": 2_000}


def measure(folder: Path, *, stored: str, dtypes: list[str]) -> dict[str, dict[str, float]]:
    """Return the command's measurements by the type that was loaded."""
    result = folder / "result.json"
    arguments = [f"--{name}={value}" for name, value in SHAPE.items()]
    arguments += [f"--folder={folder}", f"--json={result}", "--threads=1"]
    assert memory.main([*arguments, "--stored", stored, "--dtype", *dtypes]) == 0
    return {loading["dtype"]: loading for loading in json.loads(result.read_text())}


@pytest.mark.parametrize("stored", ["float32", "bfloat16"])
def test_loading_takes_little_more_than_the_weights(tmp_path: Path, stored: str) -> None:
    has_kernels = PackedLinear.is_available() and Int8Linear.is_available()
    dtypes = ["float32", "bfloat16", "int8"] if has_kernels else ["float32"]
    for dtype, found in measure(tmp_path, stored=stored, dtypes=dtypes).items():
        assert found["weight_bytes"] > 80e6, dtype
        assert 0.9 < found["peak"] / found["weight_bytes"] < LIMITS[dtype], dtype


def test_shards_are_what_one_file_would_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharded, "_SHARD_BYTES", 4_000)
    shape = Shape(d_model=8, num_layers=2, num_heads=2, d_ff=12, vocab_size=500)
    num_bytes = write_shards(shape, tmp_path, dtype=torch.bfloat16)
    files = sorted(path.name for path in tmp_path.glob("*.safetensors"))
    assert files == [f"model-{number:05}.safetensors" for number in range(len(files))]
    assert len(files) > 2
    checkpoint = Checkpoint(tmp_path)
    assert sum(tensor.nbytes for tensor in checkpoint.values()) == num_bytes
