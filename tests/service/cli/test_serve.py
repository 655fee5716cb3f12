import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from pydantic import SecretStr

from service.cli.serve import StartError, with_free_ports, with_own_hosts
from service.cluster.environment import free_port
from service.settings import Settings


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_free_ports_stay_as_they_are() -> None:
    settings = Settings(port=free_port(), metrics_port=free_port())
    assert with_free_ports(settings) == settings


def test_a_metrics_port_that_nobody_asked_for_gives_way() -> None:
    settings = Settings(port=free_port())
    with ExitStack() as stack:
        with suppress(OSError):  # else somebody listens there already
            stack.enter_context(socket.create_server(("127.0.0.1", settings.metrics_port)))
        assert with_free_ports(settings).metrics_port not in {0, settings.metrics_port}


def test_a_metrics_port_that_was_asked_for_does_not(taken: int) -> None:
    with pytest.raises(StartError, match=f"127.0.0.1:{taken} is already in use"):
        with_free_ports(Settings(port=free_port(), metrics_port=taken))


def test_the_replicas_get_one_metrics_port_where_any_will_do() -> None:
    assert with_free_ports(Settings(port=free_port(), metrics_port=0)).metrics_port != 0


def test_a_port_in_use_is_named_with_what_to_do(taken: int) -> None:
    with pytest.raises(StartError, match=rf"127\.0\.0\.1:{taken} is already in use; .*--port"):
        with_free_ports(Settings(port=taken))


@pytest.mark.parametrize(
    ("host", "also"),
    [("127.0.0.1", "127.0.0.1"), ("localhost", "localhost"), ("::1", "[::1]"), ("127.0.0.7",) * 2],
)
def test_a_service_on_loopback_answers_for_the_names_of_its_own_machine(
    host: str, also: str
) -> None:
    hosts = with_own_hosts(Settings(host=host)).allowed_hosts
    assert set(hosts or ()) == {"127.0.0.1", "localhost", "[::1]", also}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])  # noqa: S104
def test_a_service_that_others_reach_answers_for_any_host(host: str) -> None:
    assert with_own_hosts(Settings(host=host)).allowed_hosts is None


def test_a_service_with_keys_answers_for_any_host() -> None:
    settings = Settings(api_keys=SecretStr("0123456789abcdef"))
    assert with_own_hosts(settings).allowed_hosts is None


def test_hosts_that_are_set_stay_as_they_are() -> None:
    settings = Settings(allowed_hosts=("example.com",))
    assert with_own_hosts(settings) == settings


def test_a_stop_that_is_swallowed_is_asked_for_again() -> None:
    """A signal can arrive where Python ignores exceptions: in a hook of `fork`, in a finalizer."""
    script = (
        "import os, signal, time\n"
        "from contextlib import suppress\n"
        "from service.cli import serve\n"
        "serve._handle_signals(serve._request_stop)\n"
        "with suppress(BaseException):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(30)\n"
        "try:\n"
        "    time.sleep(30)\n"
        "except serve._StopRequestedError:\n"
        "    print('asked again')\n"
    )
    result = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=25
    )
    assert result.stdout == "asked again\n"
