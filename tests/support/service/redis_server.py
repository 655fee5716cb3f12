"""A real Redis server for tests."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import redis

from service.cluster.environment import free_port
from tests.support.service.waiting import wait_until

PASSWORD = "not-to-be-seen"  # noqa: S105 - of a server that lives as long as a test


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A running server, in a process of its own."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def address(self) -> str:
        """Its URL without the password."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def url(self) -> str:
        return self.address.replace("//", f"//:{PASSWORD}@")

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, password=PASSWORD, decode_responses=True)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Stop the process for a while: it keeps its connections and answers nothing."""
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)


@contextmanager
def redis_running(port: int | None = None) -> Iterator[RedisServer]:
    """Run a server on loopback; skip the test if there is no `redis-server` on this machine."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed")
    port = port or free_port()
    with tempfile.TemporaryDirectory() as folder:
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        process = subprocess.Popen(  # noqa: S603 - a fixed program
            [binary, *options, "--requirepass", PASSWORD], stdout=subprocess.DEVNULL
        )
        server = RedisServer(process, port)
        try:
            wait_until(lambda: _answers(server))
            yield server
        finally:
            server.kill()


def _answers(server: RedisServer) -> bool:
    assert server.process.poll() is None, "redis-server has ended"
    with server.client() as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False
