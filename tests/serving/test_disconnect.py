"""A client that leaves in the middle: its places in the engine are free again."""

import json
import socket

from tests.support.service.running import RunningService, value_of, wait_for_metric
from tests.support.service.waiting import wait_until

RUNNING = "dragoman_requests_running"
WAITING = "dragoman_requests_waiting"
ABORTED = "dragoman_aborted_total"


def start_long_request(service: RunningService, *, stream: bool) -> socket.socket:
    """Send a request of many seconds, beams or a sampled stream; return the connection."""
    text = " ".join(f"My house has {n} rooms and the garden is very large." for n in range(900))
    body = json.dumps(
        {
            "text": text,
            "target_lang": "de",
            "source_lang": "en",
            **({"stream": True, "temperature": 1.0} if stream else {"num_beams": 8}),
            "timeout_ms": 120_000,
        }
    ).encode()
    host, port = service.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=60)
    connection.sendall(
        b"POST /v1/translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    return connection


def test_a_client_that_leaves_before_its_answer_frees_the_engine(service: RunningService) -> None:
    check_that_leaving_frees_the_engine(service, stream=False)


def test_a_client_that_leaves_in_mid_stream_frees_the_engine(service: RunningService) -> None:
    check_that_leaving_frees_the_engine(service, stream=True)


def check_that_leaving_frees_the_engine(service: RunningService, *, stream: bool) -> None:
    aborted_before = value_of(service.metrics(), ABORTED)
    connection = start_long_request(service, stream=stream)
    # Not its first sentence alone, which may be over before the next one is there.
    wait_until(lambda: value_of(service.metrics(), RUNNING) > 1, timeout_s=60)
    if stream:
        assert connection.recv(1_000).startswith(b"HTTP/1.1 200")
    connection.close()
    wait_until(lambda: value_of(service.metrics(), ABORTED) > aborted_before, timeout_s=60)
    wait_for_metric(service, RUNNING, 0)
    wait_for_metric(service, WAITING, 0)
