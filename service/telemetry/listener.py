"""The port that a Prometheus scrapes, shared by all engine processes of a node."""

import atexit
import os
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from service.telemetry.metrics import CONTENT_TYPE, forget_process, is_shared, render


class MetricsListener:
    """Answers `GET /metrics` on a port that all processes of a node share.

    The kernel hands each connection to one of them (SO_REUSEPORT), and each answers for all.
    """

    def __init__(self, *, host: str, port: int) -> None:
        self._server = _Server((host, port), _Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="metrics", daemon=True
        )

    @property
    def port(self) -> int:
        """The port in use, also where 0 asked for a free one."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer; the process' gauges are withdrawn when it ends."""
        self._thread.start()
        if is_shared():
            atexit.register(forget_process, os.getpid())

    def stop(self) -> None:
        """Give the port back."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    allow_reuse_port = True
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A scraper that hangs up is no event."""

    server_bind = socketserver.TCPServer.server_bind  # HTTPServer's looks up the host's name


class _Handler(BaseHTTPRequestHandler):
    timeout = 10  # seconds; a silent client holds a thread no longer

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404)
            return
        body = render()
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Scrapes are not logged."""
