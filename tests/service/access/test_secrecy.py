"""Neither a key nor a text reaches a log line, a metric, an error's body or a traceback."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
import structlog
from pydantic import SecretStr
from starlette.testclient import TestClient

from model.tokenizer.prompt import Task
from service.access.clients import Client
from service.access.key_rings import keys_of
from service.api.create import create_api
from service.catalogue.fleet import Fleet
from service.settings import Settings
from service.telemetry.log import configure_logging
from tests.support.service.fakes import FakeBackend
from tests.support.service.keys import bearing, make_key

FORMATS: tuple[Literal["json", "console"], ...] = ("json", "console")
# Words that no code of ours holds.
TEXT = "Kwyzzbrax vlorpt hjomnuq."
WRONG_KEY = "wrong-qxzvbnm-key-of-some-length"
ADMIN_KEY = "admin-qxzvbnm-key-of-some-length"
PLAIN_KEY = "plain-qxzvbnm-key-of-some-length"
BODY = {"text": TEXT, "target_lang": "de", "source_lang": "en"}


class BrokenError(Exception):
    """A fault of ours, whose message does not quote the text."""


def break_down(text: str, task: Task) -> str:
    """Fail in a frame that has the text in its variables."""
    words = text.split()
    raise BrokenError(f"{len(words)} words for {type(task).__name__}")


@dataclass
class Service:
    """A service whose every translation that reaches a model fails, and its keys."""

    client: TestClient
    key: str
    used_up: str  # of a client that may send one character a minute
    metrics_key: str

    def secrets(self) -> list[str]:
        """Return what must be seen nowhere: the keys, and the text's words."""
        made = (self.key, self.used_up, self.metrics_key)
        random_parts = [key.removeprefix("dragoman_") for key in made]
        return [*random_parts, WRONG_KEY, ADMIN_KEY, PLAIN_KEY, *TEXT.rstrip(".").split()]


@pytest.fixture(params=FORMATS)
def service(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],  # noqa: ARG001 - the log is to write to its standard error
) -> Iterator[Service]:
    """Log everything, in one of the two formats, to standard error."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    file = tmp_path / "keys.yaml"
    key, used_up = make_key(file, "a"), make_key(file, "b", "--characters-per-minute", "1")
    metrics_key = make_key(file, "c", "--scope", "metrics")
    configure_logging(level="debug", fmt=request.param)
    settings = Settings(
        keys_file=file,
        api_keys=SecretStr(PLAIN_KEY),
        admin_key=SecretStr(ADMIN_KEY),
        max_text_characters=100,
        max_body_bytes=4_096,
    )
    app = create_api(FakeBackend(answer=break_down), settings, fleet=Fleet([]))
    yield Service(TestClient(app, raise_server_exceptions=False), key, used_up, metrics_key)
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def post(service: Service, path: str, key: str | None, body: Any) -> tuple[int, str]:
    headers = {} if key is None else bearing(key)
    content = {"content": body} if isinstance(body, bytes) else {"json": body}
    answer = service.client.post(path, headers=headers, **content)
    return answer.status_code, answer.text + str(dict(answer.headers))


def test_what_a_client_sends_is_seen_nowhere(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    good = service.key
    misplaced = {**BODY, TEXT: TEXT, good: good}
    requests: list[tuple[int, str, str | None, Any]] = [
        (401, "/v1/translate", None, BODY),
        (401, "/v1/translate", WRONG_KEY, BODY),
        (401, "/v1/translate", f"{good}x", BODY),
        (401, "/admin/models", WRONG_KEY, BODY),
        (403, "/v1/translate", ADMIN_KEY, BODY),
        (403, "/admin/models", good, BODY),
        (404, f"/{good}/{TEXT}", good, BODY),
        (413, "/v1/translate", good, {**BODY, "text": TEXT * 10}),
        (413, "/v1/translate", good, {**BODY, "text": TEXT * 1_000}),
        (422, "/v1/translate", good, {**BODY, "target_lang": TEXT}),
        (404, "/v1/translate", good, {**BODY, "model": good}),
        (422, "/v1/translate", good, {**BODY, "num_beams": TEXT}),
        (422, "/v1/translate", good, misplaced),
        (422, "/v1/translate", good, f'{{"text": "{TEXT}'.encode()),
        (422, "/admin/models", ADMIN_KEY, misplaced),
        (500, "/v1/translate", good, BODY),
        (500, "/v1/translate", PLAIN_KEY, {**BODY, "text": [TEXT, "x"]}),
        (500, "/v1/translate", PLAIN_KEY, {**BODY, "stream": True}),
        (413, "/v1/translate", service.used_up, BODY),
    ]
    told = ""
    for status, path, key, body in requests:
        got, text = post(service, path, key, body)
        assert got == status, (path, text)
        told += text
    metrics = service.client.get("/metrics", headers=bearing(service.metrics_key))
    assert metrics.status_code == 200
    logged = capsys.readouterr()
    assert "BrokenError: 3 words for Translation" in logged.err
    for secret in service.secrets():
        for where in (told, metrics.text, logged.out, logged.err):
            assert secret not in where


def test_a_client_and_the_settings_do_not_show_keys(service: Service, tmp_path: Path) -> None:
    settings = Settings(
        keys_file=tmp_path / "keys.yaml",
        api_keys=SecretStr(PLAIN_KEY),
        admin_key=SecretStr(ADMIN_KEY),
    )
    keys = keys_of(settings)
    clients = [keys.client_of(key) for key in (service.key, PLAIN_KEY, ADMIN_KEY)]
    assert all(isinstance(client, Client) for client in clients)
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(clients)):
        for secret in service.secrets():
            assert secret not in shown
