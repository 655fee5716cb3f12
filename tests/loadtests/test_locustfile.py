"""The load test runs, counts wrong answers as failures, and says so when no service runs.

It runs in a process of its own, as `make loadtest` starts it: Locust replaces parts of the standard
library when it is imported.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from loadtests.corpus import SENTENCES

ROOT = Path(__file__).parent.parent.parent


class _Service(BaseHTTPRequestHandler):
    """Speaks as much of the API as the load test uses; a translation is the text backwards."""

    protocol_version = "HTTP/1.1"
    styles: tuple[str, ...] = ()

    def translate(self, text: str) -> str:
        return text[::-1]

    def do_GET(self) -> None:
        languages = [{"code": "en", "name": "English", "targets": ["de", "fr"]}]
        models = [{"styles": self.styles}]
        listed = {"status": "ready", "languages": languages, "models": models}
        self._send("application/json", json.dumps(listed))

    def do_POST(self) -> None:
        self.answer(json.loads(self.rfile.read(int(self.headers["content-length"]))))

    def answer(self, body: dict[str, Any]) -> None:
        texts = body["text"] if isinstance(body["text"], list) else [body["text"]]
        answer = {
            "model": "backwards",
            "translations" if self.path == "/v1/translate" else "summaries": [
                {"text": self.translate(t), "truncated": False} for t in texts
            ],
            "usage": {"input_characters": 1, "input_tokens": 1, "output_tokens": 1},
        }
        if not body.get("stream"):
            self._send("application/json", json.dumps(answer))
            return
        events = [("token", {"index": 0, "text": char}) for char in self.translate(body["text"])]
        lines = [f"event: {n}\ndata: {json.dumps(d)}\n\n" for n, d in [*events, ("done", answer)]]
        self._send("text/event-stream", "".join(lines))

    def log_message(self, *_: Any) -> None:
        pass

    def _send(self, media_type: str, text: str) -> None:
        data = text.encode()
        self.send_response(200)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class _Recording(_Service):
    """Offers summaries, too, and sets `all_seen` once every kind of request has come."""

    styles = ("tldr", "headline")
    seen: ClassVar[set[str]] = set()
    all_seen = threading.Event()

    def answer(self, body: dict[str, Any]) -> None:
        super().answer(body)
        self.seen.add(self.kind(body))
        if len(self.seen) == 5:
            self.all_seen.set()

    def kind(self, body: dict[str, Any]) -> str:
        if self.path == "/v1/summarize":
            return "summary"
        if body.get("stream"):
            return "stream"
        if isinstance(body["text"], list):
            return "list"
        return "sentence" if body["text"] in SENTENCES else "paragraph"


class _Inconsistent(_Service):
    """Gives the same text another translation each time."""

    num_answers = 0

    def translate(self, text: str) -> str:
        type(self).num_answers += 1
        return f"{text} {self.num_answers}"


@contextmanager
def _running(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _command(host: str, *, run_time: str) -> list[str]:
    return [
        *(sys.executable, "-m", "locust", "--locustfile", "loadtests/locustfile.py"),
        *("--host", host, "--headless", "--users", "4", "--spawn-rate", "4"),
        *("--run-time", run_time, "--stop-timeout", "30", "--json"),
    ]


def _load(host: str) -> subprocess.CompletedProcess[str]:
    command = _command(host, run_time="4s")
    return subprocess.run(  # noqa: S603
        command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=60
    )


def _load_until(host: str, event: threading.Event) -> dict[str, dict[str, Any]]:
    """Load the host until the event, 90 s at most; return the counts by name of request."""
    command = _command(host, run_time="90s")
    with subprocess.Popen(  # noqa: S603
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        is_set = event.wait(90)
        process.terminate()
        counted, said = process.communicate(timeout=60)
    assert is_set, said
    assert process.returncode == 0, said
    return {entry["name"]: entry for entry in json.loads(counted)}


def test_every_kind_of_request_is_made_and_counted() -> None:
    with _running(_Recording) as host:
        entries = _load_until(host, _Recording.all_seen)
    assert entries.keys() == {
        "languages",
        "models",
        "summary",
        "one sentence",
        "list of 2 to 8",
        "paragraph of 5",
        "stream: headers",
        "stream: time to first token",
        "stream: whole",
    }
    assert all(entry["num_failures"] == 0 for entry in entries.values())


def test_a_service_without_summaries_is_asked_for_none() -> None:
    with _running(_Service) as host:
        done = _load(host)
    assert done.returncode == 0, done.stderr
    assert "summary" not in {entry["name"] for entry in json.loads(done.stdout)}


def test_answers_that_change_are_failures() -> None:
    with _running(_Inconsistent) as host:
        done = _load(host)
    assert done.returncode == 1, done.stderr
    assert sum(entry["num_failures"] for entry in json.loads(done.stdout)) > 0


def test_without_a_service_it_says_so_and_stops() -> None:
    with _running(_Service) as host:
        pass  # the port is free again
    done = _load(host)
    assert done.returncode == 2
    assert f"nothing answers at {host}. Start the service with `make serve`" in (
        done.stdout + done.stderr
    )
