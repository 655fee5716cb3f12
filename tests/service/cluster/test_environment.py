import importlib.util
import os
import re
import socket
import subprocess
from pathlib import Path

import psutil
import pytest

from service.cluster.environment import (
    HEAD_TIMEOUT_S,
    Endpoint,
    free_port,
    haproxy_binary,
    haproxy_environment,
    ray_environment,
)
from service.settings import Settings
from service.wire.error_object import ErrorObject
from tests.support.service.waiting import wait_until

# What Ray writes for HAProxy, as far as the stand-in changes it.
CONFIGURATION = """\
global
    log 127.0.0.1:514 local0 info
    maxconn 100
defaults
    log global
    mode http
    errorfile 502 /ray/500.http
    errorfile 503 /ray/500.http
    errorfile 504 /ray/500.http
frontend prometheus
    bind :{metrics}
frontend http_frontend
    bind 0.0.0.0:8000
listen stats
  bind *:{stats}
"""


def start_haproxy(folder: Path, *, program: str) -> tuple[str, subprocess.CompletedProcess[str]]:
    """Run the script as Ray runs HAProxy; return the edited configuration and the process."""
    fake = folder / "real haproxy"
    fake.write_text(f"#!/bin/sh\n{program}\n")
    fake.chmod(0o700)
    environment = haproxy_environment(folder, str(fake))
    configuration = folder / "haproxy.cfg"
    configuration.write_text(
        CONFIGURATION.format(
            metrics=environment["RAY_SERVE_HAPROXY_METRICS_PORT"],
            stats=environment["RAY_SERVE_HAPROXY_STATS_PORT"],
        )
    )
    ended = subprocess.run(  # noqa: S603 - our own program
        [environment["RAY_SERVE_HAPROXY_BINARY_PATH"], "-db", "-f", configuration, "-sf", "17"],
        capture_output=True,
        text=True,
        check=False,
    )
    return configuration.read_text(), ended


def test_statistics_and_metrics_of_haproxy_are_narrowed_to_loopback(tmp_path: Path) -> None:
    configuration, _ = start_haproxy(tmp_path, program="exit 0")
    hosts = re.findall(r"bind (.*):\d+", configuration)
    assert hosts == ["127.0.0.1", "0.0.0.0", "127.0.0.1"]  # noqa: S104 - the API's as it was


def test_haproxy_answers_for_a_lost_replica_with_the_error_object(tmp_path: Path) -> None:
    configuration, _ = start_haproxy(tmp_path, program="exit 0")
    files = dict(re.findall(r"errorfile (\d+) (.*)", configuration))
    assert set(files) == {"502", "503", "504"}
    for path in files.values():
        head, _, body = Path(path).read_bytes().partition(b"\r\n\r\n")
        status, *headers = head.decode().split("\r\n")
        assert status == "HTTP/1.1 503 Service Unavailable"
        assert {f"content-length: {len(body)}", "retry-after: 1"} <= set(headers)
        assert ErrorObject.model_validate_json(body).code == "engine_stopped"


def test_the_address_of_a_request_which_may_hold_a_key_is_told_to_no_other_log(
    tmp_path: Path,
) -> None:
    configuration, _ = start_haproxy(tmp_path, program="exit 0")
    assert re.findall(r"^ *log .*$", configuration, re.MULTILINE) == ["    log global"]


def test_half_a_head_holds_its_place_for_seconds_only(tmp_path: Path) -> None:
    configuration, _ = start_haproxy(tmp_path, program="exit 0")
    assert f"timeout http-request {HEAD_TIMEOUT_S}s" in configuration.split("frontend")[0]


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="HAProxy is packaged for Linux alone")
def test_the_real_haproxy_takes_the_edited_configuration(tmp_path: Path) -> None:
    program = f"exec {haproxy_binary()} -c -f {tmp_path}/haproxy.cfg"
    _, ended = start_haproxy(tmp_path, program=program)
    assert ended.returncode == 0, ended.stderr


def test_haproxy_gets_its_arguments_and_keeps_the_process_of_its_stand_in(tmp_path: Path) -> None:
    _, ended = start_haproxy(tmp_path, program='echo "$@"; exit 7')
    assert ended.stdout == f"-db -f {tmp_path}/haproxy.cfg -sf 17\n"
    assert ended.returncode == 7


def test_haproxy_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    fake = tmp_path / "haproxy"
    fake.write_text("#!/bin/sh\nexec sleep 60\n")
    fake.chmod(0o700)
    script = haproxy_environment(tmp_path, str(fake))["RAY_SERVE_HAPROXY_BINARY_PATH"]
    parent = subprocess.Popen(  # noqa: S603 - our own program
        ["/bin/sh", "-c", f"{script} & echo $!; exec sleep 60"], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    wait_until(lambda: child.name() == "sleep")
    parent.kill()
    parent.communicate()
    child.wait(timeout=60)


def test_every_file_of_haproxy_lies_in_the_private_folder(tmp_path: Path) -> None:
    environment = haproxy_environment(tmp_path, "/usr/bin/haproxy")
    paths = [Path(value) for value in environment.values() if value.startswith("/")]
    assert len(paths) == 5
    assert all(path.is_relative_to(tmp_path) for path in paths)


def test_haproxy_is_told_nothing_by_a_name_that_ray_does_not_read(tmp_path: Path) -> None:
    ray = importlib.util.find_spec("ray")
    assert ray is not None
    assert ray.origin is not None
    source = (Path(ray.origin).parent / "serve/_private/constants.py").read_text(encoding="utf-8")
    read = set(re.findall(r'"(RAY_SERVE_\w+)"', source))
    assert haproxy_environment(tmp_path, "/usr/bin/haproxy").keys() <= read


def test_half_a_request_holds_its_place_no_longer_than_the_longest_request(tmp_path: Path) -> None:
    environment = haproxy_environment(tmp_path, "/usr/bin/haproxy")
    limit_s = int(environment["RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S"])  # Ray's own: an hour
    longest_s = Settings().max_timeout_ms / 1_000
    assert longest_s < limit_s < 2 * longest_s


def test_the_two_throughput_settings_come_together(tmp_path: Path) -> None:
    environment = haproxy_environment(tmp_path, "/usr/bin/haproxy")
    assert environment["RAY_SERVE_ENABLE_HA_PROXY"] == "1"
    assert environment["RAY_SERVE_THROUGHPUT_OPTIMIZED"] == "1"
    assert "RAY_SERVE_THROUGHPUT_OPTIMIZED" not in ray_environment()


def test_each_service_has_a_token_of_its_own() -> None:
    first, second = ray_environment(), ray_environment()
    assert first["RAY_AUTH_MODE"] == "token"
    assert first["RAY_AUTH_TOKEN"] != second["RAY_AUTH_TOKEN"]
    assert len(first["RAY_AUTH_TOKEN"]) >= 32


def test_a_port_is_free_until_a_server_listens() -> None:
    port = free_port()
    assert Endpoint("127.0.0.1", port).is_free()
    with socket.create_server(("127.0.0.1", port)):
        assert not Endpoint("127.0.0.1", port).is_free()


@pytest.mark.parametrize(
    ("endpoint", "written"),
    [
        pytest.param(Endpoint("127.0.0.1", 8000), "127.0.0.1:8000", id="IPv4"),
        pytest.param(Endpoint("::1", 8000), "[::1]:8000", id="IPv6"),
    ],
)
def test_an_endpoint_is_written_as_in_an_address(endpoint: Endpoint, written: str) -> None:
    assert str(endpoint) == written


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="HAProxy is packaged for Linux alone")
def test_haproxy_is_there() -> None:
    binary = haproxy_binary()
    assert binary is not None
    assert os.access(binary, os.X_OK)
