import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

# A program whose grandchild outlives its parent, as HAProxy outlives a Ray that is killed.
PROGRAM = """
import subprocess
from service.cluster.processes import adopt_orphans, kill_descendants
adopt_orphans()
command = ["/bin/sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"]
print(int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout), flush=True)
input()
kill_descendants()
"""


@pytest.fixture
def program() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans to an ancestor")
def test_a_descendant_whose_parent_is_gone_is_ended_too(program: subprocess.Popen[str]) -> None:
    assert program.stdout is not None
    orphan = psutil.Process(int(program.stdout.readline()))
    assert orphan.ppid() == program.pid
    program.communicate("\n", timeout=60)
    assert not orphan.is_running()
