"""Logs: one JSON object a line, with the request's id, whichever library wrote it."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from service.telemetry.log import configure_logging, get_logger


@pytest.fixture(autouse=True)
def _logging_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def test_structlog_and_standard_logging_write_the_same_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(level="info", fmt="json")
    with structlog.contextvars.bound_contextvars(request_id="abc"):
        get_logger("one").info("begun", num_items=2)
        logging.getLogger("two").info("ended", extra={"num_items": 3})
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(e["event"], e["request_id"], e["num_items"], e["logger"]) for e in lines] == [
        ("begun", "abc", 2, "one"),
        ("ended", "abc", 3, "two"),
    ]


def test_a_line_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="warning", fmt="console")
    get_logger("one").info("quiet")
    logging.getLogger("two").info("quiet")
    assert capsys.readouterr().err == ""


def test_a_traceback_for_people_shows_no_variables(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="info", fmt="console")
    text = "".join(["my ", "secret"])
    try:
        int(text[:0])
    except ValueError as error:
        get_logger("one").error("failed", exc_info=error)
    written = capsys.readouterr().err
    assert "ValueError" in written
    assert "my secret" not in written


def test_an_exception_is_written_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="info", fmt="json")
    get_logger("one").error("failed", exc_info=ValueError("why"))
    assert "ValueError: why" in json.loads(capsys.readouterr().err)["exception"]


@pytest.mark.parametrize("client", ["httpx", "httpx2"])
def test_the_addresses_that_a_client_asks_are_not_written(
    client: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(level="debug", fmt="console")
    logging.getLogger(client).info("HTTP Request: GET https://cdn/file?signature=secret")
    assert capsys.readouterr().err == ""
