"""The HTTP port for Prometheus scrapes, shared by all engine processes of a node."""

import atexit
import os
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from service.telemetry.metrics import CONTENT_TYPE, forget_process, is_shared, render


class MetricsListener:
    """An HTTP server of `GET /metrics` on a port that all processes of a node bind.

    With SO_REUSEPORT the kernel passes each connection to one of them; each returns the metrics of
    all.
    """

    def __init__(self, *, host: str, port: int) -> None:
        self._server = _Server((host, port), _Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="metrics", daemon=True
        )

    @property
    def port(self) -> int:
        """The bound port, also if the constructor was given 0."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Start to answer; removes the process's gauges when the process exits normally.

        The gauges of a process that is killed are removed at the next scrape of the node.
        """
        self._thread.start()
        if is_shared():
            atexit.register(forget_process, os.getpid())

    def stop(self) -> None:
        """Stop the server and close its port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    allow_reuse_port = True
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a scraper that closes its connection early."""

    server_bind = socketserver.TCPServer.server_bind  # HTTPServer's would do a DNS lookup


class _Handler(BaseHTTPRequestHandler):
    timeout = 10  # seconds without data after which a connection, and its thread, ends

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
        """Log no scrapes."""
