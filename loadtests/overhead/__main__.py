"""Compares the client APIs' cost of a request: `python -m loadtests.overhead`.

A server process answers over a backend without a model. This process sends it the same texts by
each API in turn, one request after another on one connection, and reads how much processor time the
server took. Turns repeat, and the least of each API counts, as other work on the machine only adds.
"""

import argparse
import http.client
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import psutil
from rich.console import Console
from rich.table import Table

from loadtests.overhead.calls import NATIVE, Call, calls
from service.cluster.environment import free_port

T = TypeVar("T")

_SENTENCE = "The next train to the old town leaves at half past nine."
_START_TIMEOUT_S = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return the exit code: 1 if an API is over the limit."""
    options = _parser().parse_args(arguments)
    found: dict[int, Mapping[str, float]] = {}
    with _server() as (server, port):
        for num_texts in options.texts:
            wanted = calls([f"{_SENTENCE[:-1]} {n}." for n in range(num_texts)])
            found[num_texts] = _measure(wanted, server, port, options)
    is_over = _render(found, Console(), limit_ms=options.limit_ms)
    return int(is_over)


def _measure(
    wanted: Mapping[str, Call], server: psutil.Process, port: int, options: argparse.Namespace
) -> Mapping[str, float]:
    """Return the milliseconds of processor time of one request, by API."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    best: dict[str, float] = {}
    for turn in range(options.turns + 1):
        for name, call in _turned(list(wanted.items()), turn):
            before_s = _processor_s(server)
            for _ in range(options.requests):
                _send(connection, call, name)
            took_ms = (_processor_s(server) - before_s) * 1_000 / options.requests
            if turn > 0:  # the first warms caches
                best[name] = min(took_ms, best.get(name, took_ms))
    connection.close()
    return {name: best[name] for name in wanted}


def _turned(items: list[T], turn: int) -> list[T]:
    """Return the items begun at another one in each turn, so that none is always the last."""
    first = turn % len(items)
    return items[first:] + items[:first]


def _send(connection: http.client.HTTPConnection, call: Call, name: str) -> None:
    connection.request("POST", call.path, call.body, {"content-type": call.content_type})
    response = connection.getresponse()
    body = response.read()
    if response.status != http.client.OK or _SENTENCE[:-1].encode() not in body:
        raise SystemExit(f"{name}: {response.status} {body[:300].decode(errors='replace')}")


def _processor_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def _server() -> Iterator[tuple[psutil.Process, int]]:
    """Run the server in a process of its own; yield it, and its port, once it answers."""
    port = free_port()
    command = [sys.executable, "-m", "loadtests.overhead.echo", "--port", str(port)]
    with subprocess.Popen(command) as process:  # noqa: S603 - our own program
        try:
            _wait_until_healthy(port)
            yield psutil.Process(process.pid), port
        finally:
            process.terminate()


def _wait_until_healthy(port: int) -> None:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == http.client.OK:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise SystemExit(f"the server gave no answer within {_START_TIMEOUT_S:.0f} s")


def _render(found: Mapping[int, Mapping[str, float]], console: Console, *, limit_ms: float) -> bool:
    """Print a row for each API; return whether one costs more than native by over the limit."""
    table = Table("client API", title="processor time of a request, ms")
    for num_texts in found:
        table.add_column(f"{num_texts} text{'s' if num_texts > 1 else ''}", justify="right")
        table.add_column("over native", justify="right")
    is_over = False
    for name in next(iter(found.values())):
        cells: list[str] = []
        for took in found.values():
            more = took[name] - took[NATIVE]
            is_over = is_over or more > limit_ms
            cells += [f"{took[name]:.2f}", "" if name == NATIVE else f"{more:+.2f}"]
        table.add_row(name, *cells)
    console.print(table)
    return is_over


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=300, help="requests in a turn [300]")
    parser.add_argument("--turns", type=int, default=7, help="turns of each API [7]")
    parser.add_argument("--texts", type=int, nargs="+", default=[1, 20], help="texts in a request")
    parser.add_argument(
        "--limit-ms", type=float, default=0.3, help="most above the native API [0.3]"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
