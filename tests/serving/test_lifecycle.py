"""Start and end of `dragoman serve`: nothing of it is reachable from outside, nothing stays."""

import signal
import socket
import stat
import subprocess
import sys
from contextlib import suppress

import httpx
import psutil
import pytest

from service.cluster.environment import Endpoint, free_port
from tests.support.service.running import ROOT, RunningService, running_service
from tests.support.service.waiting import wait_until

LOOPBACK = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def listeners(service: RunningService) -> set[tuple[str, str, int]]:
    """Return (process, address, port) of every open port of the service."""
    found: set[tuple[str, str, int]] = set()
    for process in service.processes():
        with suppress(psutil.NoSuchProcess):  # one that Ray started for a moment has ended
            found |= {
                (process.name(), connection.laddr.ip, connection.laddr.port)
                for connection in process.net_connections("tcp")
                if connection.status == psutil.CONN_LISTEN
            }
    return found


def test_only_the_replicas_own_grpc_ports_leave_loopback(service: RunningService) -> None:
    outside = [listener for listener in listeners(service) if listener[1] not in LOOPBACK]
    assert all(name.startswith("ray::ServeRepl") for name, _, _ in outside)
    assert len(outside) == 2  # one each; Ray's token guards them


def test_no_other_user_reaches_the_files_and_sockets(service: RunningService) -> None:
    (folder,) = service.folder.glob("dragoman-*")
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IRWXU


def accepts(endpoint: Endpoint) -> bool:
    """Return whether a server listens there; connections in TIME_WAIT do not count."""
    with socket.socket() as probe:
        return probe.connect_ex((endpoint.host, endpoint.port)) == 0


def test_the_start_ends_in_one_line_with_the_address(service: RunningService) -> None:
    assert service.announcement == f"Dragoman is ready at {service.url} (Ctrl-C stops it)\n"


def test_the_port_of_a_running_service_is_refused_to_a_second(service: RunningService) -> None:
    port = int(service.url.rpartition(":")[2])
    with pytest.raises(AssertionError, match=f"127.0.0.1:{port} is already in use"):  # noqa: SIM117
        with running_service(port=port):
            pass


def test_a_second_service_runs_beside_the_first_and_ctrl_c_leaves_nothing_of_it(
    service: RunningService,
) -> None:
    with running_service("--threads", "1") as second:
        body = {"text": "Good morning.", "target_lang": "de", "source_lang": "en"}
        for url in (service.url, second.url):
            answer = httpx.post(f"{url}/v1/translate", json=body, timeout=60)
            assert answer.status_code == 200
        everything = second.processes()
        ports = [Endpoint("127.0.0.1", port) for _, _, port in listeners(second)]
        assert len(everything) > 5
        assert [path.name for path in second.folder.glob("dragoman-*/haproxy.sh")]
        assert second.stop(signal.SIGINT) == 0
        assert list(second.folder.glob("dragoman-*")) == []
    assert [process for process in everything if process.is_running()] == []
    assert [port for port in ports if accepts(port)] == []
    assert httpx.get(f"{service.url}/ready", timeout=60).status_code == 200


@pytest.mark.parametrize("is_hurried", [False, True], ids=["one", "and another"])
def test_a_signal_during_the_start_leaves_nothing_either(*, is_hurried: bool) -> None:
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "service.cli.main", "serve", "--port", str(free_port())],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    root = psutil.Process(process.pid)
    seen: set[psutil.Process] = set()

    def raylet_runs() -> bool:
        seen.update(root.children(recursive=True))
        return any(child.name() == "raylet" for child in seen if child.is_running())

    wait_until(raylet_runs, timeout_s=60)
    process.send_signal(signal.SIGTERM)
    if is_hurried:
        assert process.stderr is not None
        assert any("Stopping" in line for line in process.stderr)
        process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, ""), err
    assert "Traceback" not in err
    assert [child for child in seen if child.is_running()] == []
