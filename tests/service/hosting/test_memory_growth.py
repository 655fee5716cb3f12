"""The memory that texts of any kind take is bounded, and given back after their answers."""

import json
import subprocess
import sys

import pytest

from tests.support.service.machines import needs_kernels

MB = 1_000_000

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def found() -> dict[str, int]:
    """Return what a process with both bundled models holds, in bytes."""
    command = [sys.executable, "-m", "tests.support.service.memory_growth"]
    done = subprocess.run(command, capture_output=True, check=True, text=True)  # noqa: S603
    memory: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return memory


def test_the_same_texts_take_no_more_the_second_time(found: dict[str, int]) -> None:
    assert found["second"] < found["first"] + 60 * MB


@needs_kernels  # those of PyTorch keep what they have compiled for each shape
def test_texts_that_are_answered_take_nothing(found: dict[str, int]) -> None:
    assert found["idle"] < found["fresh"] + 30 * MB
