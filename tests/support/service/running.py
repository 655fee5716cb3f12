"""The real service, in processes of its own, started by its own command."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from service.cluster.environment import free_port
from tests.support.service.waiting import wait_until

ROOT = Path(__file__).parents[3]
STOP_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningService:
    """`dragoman serve`, ready for requests."""

    process: subprocess.Popen[str]
    announcement: str
    url: str
    metrics_port: int
    folder: Path  # stands for /tmp

    @property
    def log(self) -> str:
        """Its standard error so far."""
        return (self.folder / "log").read_text()

    def processes(self) -> list[psutil.Process]:
        """Return the running processes of the service."""
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def metrics(self) -> str:
        """Return the metrics, as Prometheus scrapes them."""
        answer = httpx.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=60)
        return answer.raise_for_status().text

    def stop(self, number: signal.Signals) -> int:
        """Send a signal; return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=STOP_TIMEOUT_S)


@contextmanager
def running_service(
    *options: str, port: int | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[RunningService]:
    """Run a service on free ports, with the given options; end it in any case."""
    port, metrics_port = port or free_port(), free_port()
    with (
        tempfile.TemporaryDirectory(dir="/tmp", prefix="") as folder,  # short: for sockets
        (Path(folder) / "log").open("w") as log,
    ):
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "service.cli.main", "serve", "--port", str(port), *options],
            stdout=subprocess.PIPE,
            stderr=log,
            env={
                **os.environ,
                "DRAGOMAN_METRICS_PORT": str(metrics_port),
                "TMPDIR": folder,
                **(environment or {}),
            },
            cwd=ROOT,
            text=True,
        )
        try:
            assert process.stdout is not None
            announcement = process.stdout.readline()
            assert announcement, f"not started: {(Path(folder) / 'log').read_text()}"
            yield RunningService(
                process=process,
                announcement=announcement,
                url=f"http://127.0.0.1:{port}",
                metrics_port=metrics_port,
                folder=Path(folder),
            )
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=STOP_TIMEOUT_S)
    finally:
        process.kill()
        process.communicate()


def value_of(metrics: str, series: str) -> float:
    """Return the sum of a metric over all its labels, or of one label set; 0 without series."""
    samples = [line.rpartition(" ") for line in metrics.splitlines() if not line.startswith("#")]
    return sum(
        float(value) for name, _, value in samples if series in {name, name.partition("{")[0]}
    )


def wait_for_metric(service: RunningService, series: str, value: float) -> None:
    """Wait until the series has the value."""
    seen: list[float] = []

    def is_there() -> bool:
        seen.append(value_of(service.metrics(), series))
        return seen[-1] == value

    try:
        wait_until(is_there, timeout_s=60)
    except AssertionError as error:
        raise AssertionError(f"{series} is {seen[-1]}, not {value}") from error
