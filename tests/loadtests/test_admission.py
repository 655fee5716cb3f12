"""The comparison counts what ran together in each of its two ways."""

import json
from pathlib import Path

import pytest

from loadtests import admission
from loadtests.sharded import Shape
from tests.support.service.machines import needs_kernels

SHAPE = Shape(d_model=64, num_layers=4, num_heads=2, d_ff=64, vocab_size=500)
ROW_BYTES = 2 * 64 * 2 * 2 * (64 + 64)  # of 2 layers in bfloat16, the longest source and output


@needs_kernels
def test_by_real_lengths_more_requests_run_together_in_the_same_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests of 16 + 15 tokens take two blocks, where a row of maximal length takes eight."""
    monkeypatch.setattr(admission, "NLLB", SHAPE)
    monkeypatch.setattr(admission, "_VOCAB_SIZE", SHAPE.vocab_size)
    result = tmp_path / "result.json"
    sizes = {"gib": 2 * 3 * ROW_BYTES / (1 << 30), "max-tokens": 64, "tokens": 16}
    sizes |= {"requests": 20, "layers": 2, "repeats": 1, "threads": 1}
    arguments = [f"--{name}={value}" for name, value in sizes.items()]
    assert admission.main([*arguments, f"--json={result}"]) == 0
    maximal, real = json.loads(result.read_text())
    assert (maximal["rows"], real["rows"]) == (3, 12)
    assert real["mean_rows"] > maximal["mean_rows"]
    assert real["num_preempted"] == 0
