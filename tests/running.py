"""The real service in processes of its own, started by its own command."""

import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Self

import httpx
import psutil

from service.environment import free_port

ROOT = Path(__file__).parent.parent
START_TIMEOUT_S = 100.0  # a busy machine; an idle one takes about ten
STOP_TIMEOUT_S = 40.0


class RunningService:
    """`dragoman serve` on free ports, ready when the constructor returns."""

    def __init__(self, *options: str) -> None:
        self.port, self.metrics_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by `stop`
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "service.cli", "serve", "--port", str(self.port), *options],
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**_environment(), "DRAGOMAN_METRICS_PORT": str(self.metrics_port)},
            cwd=ROOT,
            text=True,
        )
        assert self.process.stdout is not None
        self.announcement = self.process.stdout.readline()
        assert self.url in self.announcement, f"not started: {self.log()}"
