"""Measure a service's memory under mixed load: `python -m loadtests.memory warm` (Linux).

It starts a service, or takes the one at HOST on this machine, and drives requests of all kinds for
both models. Every few seconds it notes the resident set of the replicas; in the end, when nothing
has been asked for half a minute, that of all processes.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import requests
from rich.console import Console
from rich.table import Table

from loadtests.memory.mixed_load import MixedLoad, Service
from loadtests.memory.processes import Memory, memory_of, replicas, service_of, title
from service.cluster.environment import free_port

_REST_S = 30.0  # an idle engine gives memory back after five
_NUM_SHOWN = 20  # of the samples
_EXPECTED = {requests.codes.ok, requests.codes.request_entity_too_large}  # some texts are too long


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The memory of one replica at one time.

    Attributes:
        seconds: Since the load began.
        phase: `fresh`, `load` or `rest`.
        pid: Of the replica.
        memory: Of the replica.
    """

    seconds: float
    phase: str
    pid: int
    memory: Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The measurements of one service: the replicas over time, and all processes at the end."""

    samples: list[Sample]
    processes: list[tuple[str, int, Memory]]  # title, pid
    statuses: dict[int, int]

    def to_json(self) -> dict[str, object]:
        """Return all fields; sizes are in bytes."""
        return {
            "samples": [_flat(asdict(sample), sample.memory) for sample in self.samples],
            "processes": [
                _flat({"title": name, "pid": pid}, memory) for name, pid, memory in self.processes
            ],
            "statuses": self.statuses,
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and return the exit code: 1 if a request failed."""
    options = _parser().parse_args(arguments)
    with _service(options.host, options.serve) as (url, root):
        found = _measure(url, replicas(root), options)
    _render(found, Console())
    if options.json is not None:
        options.json.write_text(json.dumps(found.to_json(), indent=2) + "\n")
    return int(not found.statuses.keys() <= _EXPECTED)


@contextmanager
def _service(host: str | None, words: Sequence[str]) -> Iterator[tuple[str, psutil.Process | None]]:
    """Yield an address, and the root of the service's processes if it was started for this."""
    if host is not None:
        yield host.rstrip("/"), None
        return
    port = free_port()
    command = [sys.executable, "-m", "service.cli.main", "serve", "--port", str(port), *words]
    quiet = {"DRAGOMAN_METRICS_PORT": str(free_port()), "DRAGOMAN_LOG_LEVEL": "warning"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **quiet}) as process:  # noqa: S603
        try:
            assert process.stdout is not None  # noqa: S101 - a pipe
            if not process.stdout.readline():  # the line that says where it listens
                raise SystemExit("the service did not start")
            yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
        finally:
            process.terminate()


def _measure(url: str, engines: Sequence[psutil.Process], options: argparse.Namespace) -> Found:
    if not engines:
        raise SystemExit("no replica runs on this machine")
    samples: list[Sample] = []
    start = time.monotonic()

    def note(phase: str) -> None:
        for engine in engines:
            seconds = time.monotonic() - start
            memory = memory_of(engine.pid)
            samples.append(Sample(seconds=seconds, phase=phase, pid=engine.pid, memory=memory))

    note("fresh")
    load = MixedLoad(_offers(url), num_users=options.users)
    start = time.monotonic()
    load.start()
    while time.monotonic() - start < options.minutes * 60:
        time.sleep(options.every)
        note("load")
    load.stop()
    note("load")
    time.sleep(options.rest)
    note("rest")
    return Found(
        samples=samples,
        processes=_all_processes(engines[0]),
        statuses=dict(sorted(load.statuses.items())),
    )


def _offers(url: str) -> Service:
    models = requests.get(f"{url}/v1/models", timeout=60).json()["models"]
    pairs = [(source, target) for model in models for source, target in model["pairs"]]
    return Service(url, pairs, [style for model in models for style in model["styles"]])


def _all_processes(replica: psutil.Process) -> list[tuple[str, int, Memory]]:
    found = [
        (title(process), process.pid, memory_of(process.pid)) for process in service_of(replica)
    ]
    return sorted(found, key=lambda entry: -entry[2].total)


def _flat(fields: dict[str, object], memory: Memory) -> dict[str, object]:
    return {k: v for k, v in fields.items() if k != "memory"} | asdict(memory)


def _render(found: Found, console: Console) -> None:
    table = Table(title="Replicas, resident set in MB")
    columns = ("minute", "", "pid", "anonymous", "file", "shared", "all", "peak so far")
    for column in columns:
        table.add_column(column, justify="right")
    loaded = [sample for sample in found.samples if sample.phase == "load"]
    step = max(1, len(loaded) // _NUM_SHOWN)
    edges = [sample for sample in found.samples if sample.phase != "load"]
    for sample in sorted([*loaded[::step], *edges], key=lambda sample: sample.seconds):
        minute = f"{sample.seconds / 60:.1f}"
        table.add_row(minute, sample.phase, str(sample.pid), *_cells(sample.memory))
    console.print(table)
    table = Table(title="All processes at the end, resident set in MB")
    for column in ("process", "pid", *columns[3:]):
        table.add_column(column, justify="left" if column == "process" else "right")
    for name, pid, memory in found.processes:
        table.add_row(name, str(pid), *_cells(memory))
    console.print(table)
    console.print("answers by status:", found.statuses)


def _cells(memory: Memory) -> list[str]:
    sizes = (memory.anonymous, memory.file, memory.shared, memory.total, memory.peak)
    return [f"{size / 1e6:.0f}" for size in sizes]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.memory warm",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", help="of a service on this machine; else one is started")
    parser.add_argument("--minutes", type=float, default=5.0, help="of load")
    parser.add_argument("--users", type=int, default=8, help="who each wait for their answer")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two samples")
    parser.add_argument("--rest", type=float, default=_REST_S, help="seconds after the load")
    parser.add_argument("--json", type=Path, help="also write everything to this file")
    parser.add_argument("serve", nargs="*", help="after --: options of `dragoman serve`")
    return parser
