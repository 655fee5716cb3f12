"""Keys of a file and of the environment, their scopes, and changes of the file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from service.access.clients import SCOPES
from service.access.control import AccessControl
from service.access.key_rings import CHECK_INTERVAL_S, FileKeys, Keys, environment_clients
from service.api.create import create_api
from service.catalogue.fleet import Fleet
from service.settings import Settings
from service.storage.sqlite_store import SqliteStore
from tests.support.service.clients import client_of
from tests.support.service.commands import succeed
from tests.support.service.fakes import SUMMARIZER, TRANSLATOR, FakeBackend
from tests.support.service.keys import bearing, make_key

TRANSLATE = {"text": "Hello", "target_lang": "de", "source_lang": "en"}
ADMIN_KEY = "an-admin-key-of-some-length"
# What a key with just that scope may ask for, and no other key.
ROUTES: dict[str, tuple[str, str, Any]] = {
    "translate": ("POST", "/v1/translate", TRANSLATE),
    "summarize": ("POST", "/v1/summarize", {"text": "One two three four."}),
    "metrics": ("GET", "/metrics", None),
    "admin": ("POST", "/admin/models", {"action": "none"}),
}
OPEN = ("/", "/docs", "/openapi.json", "/health", "/ready", "/info")


@dataclass
class Clock:
    """Seconds that a test sets."""

    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.yaml"


def service_with(**settings: Any) -> TestClient:
    """Return a client of a service that has every route."""
    backend = FakeBackend(served=(TRANSLATOR, SUMMARIZER))
    return TestClient(create_api(backend, Settings(**settings), fleet=Fleet([])))


def service_at(clock: Callable[[], float], file: Path) -> TestClient:
    """Return a client of a service that looks at its keys file by that clock."""
    keys = Keys([FileKeys(file, clock=clock)], is_open=False)
    access = AccessControl(keys, SqliteStore(None))
    return TestClient(create_api(FakeBackend(), Settings(), access=access))


def status_of(client: TestClient, route: str, key: str | None) -> int:
    method, path, body = ROUTES[route]
    headers = {} if key is None else bearing(key)
    return client.request(method, path, json=body, headers=headers).status_code


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_opens_the_routes_of_its_scope_and_no_others(file: Path, scope: str) -> None:
    key = make_key(file, "a", "--scope", scope)
    client = service_with(keys_file=file)
    for route in ROUTES:
        expected = 403 if route != scope else 422 if route == "admin" else 200  # no such action
        assert status_of(client, route, key) == expected, route


@pytest.mark.parametrize("scope", ["translate", "summarize"])
def test_an_output_is_scored_for_the_scope_of_its_task(file: Path, scope: str) -> None:
    key = make_key(file, "a", "--scope", scope)
    client = service_with(keys_file=file)
    text = {"text": "Hello", "output": "HELLO"}
    bodies = {"translate": {**text, "target_lang": "de"}, "summarize": {**text, "style": None}}
    found = {
        task: client.post("/v1/score", json=body, headers=bearing(key)).status_code
        for task, body in bodies.items()
    }
    assert found == {task: 200 if task == scope else 403 for task in bodies}


def test_a_key_without_the_scope_is_told_which_it_lacks(file: Path) -> None:
    key = make_key(file, "a", "--scope", "summarize")
    answer = service_with(keys_file=file).post(
        "/v1/translate", json=TRANSLATE, headers=bearing(key)
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert answer.json()["error"] == "this API key lacks the scope translate"


@pytest.mark.parametrize("route", ROUTES)
def test_without_the_right_key_nothing_is_answered(file: Path, route: str) -> None:
    key = make_key(file, "a")
    client = service_with(keys_file=file)
    for wrong in (None, key[:-1], f"{key}x", key.swapcase(), "ключ".encode().decode("latin-1")):
        method, path, body = ROUTES[route]
        headers = [] if wrong is None else [(b"authorization", f"Bearer {wrong}".encode("latin-1"))]
        answer = client.request(method, path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", OPEN)
def test_what_tells_nothing_about_texts_needs_no_key(file: Path, path: str) -> None:
    make_key(file, "a")
    assert service_with(keys_file=file).get(path).status_code == 200


@pytest.mark.parametrize("route", ["translate", "summarize", "metrics"])
def test_without_keys_anybody_is_answered_whatever_key_is_sent(route: str) -> None:
    client = service_with(admin_key=SecretStr(ADMIN_KEY))
    assert [status_of(client, route, key) for key in (None, "any", ADMIN_KEY)] == [200] * 3


def test_without_keys_models_change_for_the_admin_key_alone() -> None:
    client = service_with(admin_key=SecretStr(ADMIN_KEY))
    assert [status_of(client, "admin", key) for key in (None, "any", ADMIN_KEY)] == [401, 401, 422]


def test_the_admin_key_changes_models_where_keys_are_set_and_does_nothing_else(file: Path) -> None:
    make_key(file, "a")
    client = service_with(keys_file=file, admin_key=SecretStr(ADMIN_KEY))
    assert {route: status_of(client, route, ADMIN_KEY) for route in ROUTES} == {
        "translate": 403,
        "summarize": 403,
        "metrics": 403,
        "admin": 422,
    }


def test_keys_of_the_environment_translate_and_summarize(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_API_KEYS", "0123456789abcdef, fedcba9876543210\n")
    client = service_with(admin_key=SecretStr(ADMIN_KEY))
    for key in ("0123456789abcdef", "fedcba9876543210"):
        assert [status_of(client, route, key) for route in ROUTES] == [200, 200, 403, 403]
    assert status_of(client, "translate", "0123456789abcdef, fedcba9876543210") == 401


def test_without_a_key_that_could_change_models_there_is_no_route_for_it() -> None:
    client = service_with(api_keys=SecretStr("0123456789abcdef"))
    assert status_of(client, "admin", "0123456789abcdef") == 404


def test_keys_of_a_file_and_of_the_environment_go_together(file: Path) -> None:
    key = make_key(file, "a")
    client = service_with(keys_file=file, api_keys=SecretStr("0123456789abcdef"))
    assert status_of(client, "translate", key) == 200
    assert status_of(client, "translate", "0123456789abcdef") == 200


def test_a_file_without_keys_lets_nobody_in(file: Path) -> None:
    key = make_key(file, "a")
    succeed("keys", "revoke", "a", "--keys-file", str(file))
    client = service_with(keys_file=file)
    assert [status_of(client, "translate", sent) for sent in (None, key)] == [401, 401]


def test_a_client_s_id_is_the_same_in_every_process_and_in_any_order_of_the_keys() -> None:
    one, two = "0123456789abcdef", "fedcba9876543210"
    before = environment_clients(Settings(api_keys=SecretStr(f"{one},{two}")))
    after = environment_clients(Settings(api_keys=SecretStr(f"{two},{one}")))
    assert {key: before[key].id for key in (one, two)} == {
        one: "env-c9fec33bc727",
        two: "env-df1921101cdd",
    }
    assert before == after


def test_a_change_of_the_file_counts_without_a_restart(file: Path) -> None:
    first, clock = make_key(file, "first"), Clock()
    client = service_at(clock, file)
    assert status_of(client, "translate", first) == 200
    second = make_key(file, "second")
    succeed("keys", "revoke", "first", "--keys-file", str(file))
    clock.now_s += CHECK_INTERVAL_S
    assert [status_of(client, "translate", key) for key in (first, second)] == [401, 200]


def test_the_file_is_looked_at_once_in_an_interval_that_is_shorter_than_two_seconds(
    file: Path,
) -> None:
    key, clock = make_key(file, "a"), Clock()
    client = service_at(clock, file)
    succeed("keys", "revoke", "a", "--keys-file", str(file))
    clock.now_s += 0.9 * CHECK_INTERVAL_S
    assert status_of(client, "translate", key) == 200
    clock.now_s += 0.1 * CHECK_INTERVAL_S
    assert status_of(client, "translate", key) == 401
    assert CHECK_INTERVAL_S < 2


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda file: file.write_text("keys: ["), id="broken"),
        pytest.param(lambda file: file.write_text(""), id="empty"),
        pytest.param(lambda file: file.write_text("keys: !!bool maybe"), id="no such value"),
        pytest.param(Path.unlink, id="gone"),
        pytest.param(lambda file: (file.unlink(), file.mkdir()), id="folder"),
    ],
)
def test_a_file_that_breaks_leaves_the_keys_as_they_were_and_is_logged_once(
    file: Path, spoil: Callable[[Path], object]
) -> None:
    key, clock = make_key(file, "a"), Clock()
    good = file.read_text()
    client = service_at(clock, file)
    spoil(file)
    with capture_logs() as logs:
        for _ in range(3):
            clock.now_s += CHECK_INTERVAL_S
            assert status_of(client, "translate", key) == 200
            assert status_of(client, "translate", "wrong") == 401
    (told,) = [line for line in logs if line["log_level"] == "error"]
    assert str(file) in told["reason"]
    if file.is_dir():
        file.rmdir()
    file.write_text(good.replace("translate", "metrics"))
    clock.now_s += CHECK_INTERVAL_S
    assert status_of(client, "translate", key) == 403


def test_a_secret_that_kubernetes_replaces_is_read_again(tmp_path: Path) -> None:
    """Kubernetes mounts a link to a link, of which it replaces the second."""
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
    first = make_key(tmp_path / "one" / "keys.yaml", "a")
    second = make_key(tmp_path / "two" / "keys.yaml", "a")
    data, file = tmp_path / "..data", tmp_path / "keys.yaml"
    data.symlink_to("one")
    file.symlink_to("..data/keys.yaml")
    clock = Clock()
    client = service_at(clock, file)
    assert [status_of(client, "translate", key) for key in (first, second)] == [200, 401]
    (tmp_path / "new").symlink_to("two")
    (tmp_path / "new").rename(data)
    clock.now_s += CHECK_INTERVAL_S
    assert [status_of(client, "translate", key) for key in (first, second)] == [401, 200]


@pytest.mark.parametrize("insecure", [False, True])
def test_the_settings_alone_close_the_service_which_no_other_setting_opens(
    file: Path, *, insecure: bool
) -> None:
    make_key(file, "a")
    client = client_of(keys_file=file, insecure=insecure)
    assert client.post("/v1/translate", json=TRANSLATE).status_code == 401
