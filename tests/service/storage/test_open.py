"""Which store is opened for which settings."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from service.settings import Settings
from service.storage.open import StateStoreError, open_store
from service.storage.store import Used
from tests.support.service.redis_server import PASSWORD, RedisServer, redis_running

MONTH = "2026-11"


def count(settings: Settings, *, has_keys: bool = False, folder: Path | None = None) -> int:
    """Count one request in the store; return how many it has counted by now."""
    store = open_store(settings, has_keys=has_keys, node_folder=folder)
    store.add_usage("c", MONTH, Used(1, 1), most_characters=None)
    num_requests = store.usage("c", MONTH).requests
    store.close()
    return num_requests


def at(place: str | Path) -> Settings:
    return Settings(state_store=SecretStr(str(place)))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    return tmp_path


def test_a_path_names_a_file(home: Path) -> None:
    settings = at(home / "folder" / "usage.db")
    assert [count(settings), count(settings)] == [1, 2]
    assert (home / "folder" / "usage.db").is_file()


def test_a_path_may_begin_with_the_home_folder(home: Path) -> None:
    count(at("~/usage.db\n"))
    assert (home / "usage.db").is_file()


def test_a_redis_url_names_a_server(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.flushall()
        assert [count(at(redis_server.url)), count(at(redis_server.url))] == [1, 2]
        assert client.dbsize() == 1


def test_without_keys_the_replicas_of_a_node_share_a_file(home: Path) -> None:
    assert [count(Settings(), folder=home), count(Settings(), folder=home)] == [1, 2]
    assert not (home / ".local").exists()


def test_without_keys_and_a_shared_folder_all_is_in_memory(home: Path) -> None:
    assert [count(Settings()), count(Settings())] == [1, 1]
    assert list(home.iterdir()) == []


def test_with_keys_usage_outlives_the_service(home: Path) -> None:
    folder = home / "of the service"
    assert [count(Settings(), has_keys=True, folder=folder) for _ in "12"] == [1, 2]
    assert (home / ".local/state/dragoman/state.sqlite").is_file()
    assert not folder.exists()


def test_with_keys_the_file_lies_where_the_user_keeps_state(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    count(Settings(), has_keys=True)
    assert (home / "state/dragoman/state.sqlite").is_file()


def test_a_relative_folder_for_state_is_ignored(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    count(Settings(), has_keys=True)
    assert (home / ".local/state/dragoman/state.sqlite").is_file()


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("{home}", "the state store {home} cannot be opened"),
        ("/dev/null/state.sqlite", "the state store /dev/null/state.sqlite cannot be made"),
        ("postgres://user:{secret}@host/db", "it begins with postgres: and must be the path"),
        ("redis:/user:{secret}@host", "it begins with redis: and must be the path"),
        ("redis://user:{secret}@host:none", "redis://... is not the URL of a Redis"),
        ("~nobody-of-this-name/file", "there is no home folder for ~nobody-of-this-name/file"),
    ],
)
def test_a_store_that_cannot_be_opened_is_an_error_of_the_setting(
    place: str, sentence: str, home: Path
) -> None:
    with pytest.raises(StateStoreError) as caught:
        open_store(at(place.format(home=home, secret=PASSWORD)), has_keys=True)
    assert str(caught.value).startswith(f"DRAGOMAN_STATE_STORE: {sentence.format(home=home)}")
    assert PASSWORD not in str(caught.value)


def test_a_server_that_is_not_there_is_an_error_of_the_setting() -> None:
    with redis_running() as server:
        server.kill()
    with pytest.raises(StateStoreError) as caught:
        open_store(at(server.url), has_keys=False)
    sentence = f"DRAGOMAN_STATE_STORE: the state store {server.address} cannot be reached"
    assert str(caught.value) == sentence


def test_a_redis_url_without_the_package_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, "service.storage.redis_store", raising=False)
    with pytest.raises(StateStoreError, match=r"pip install 'dragoman\[redis\]'"):
        open_store(at("redis://host"), has_keys=False)


def test_the_password_of_a_url_is_not_shown_with_the_settings() -> None:
    settings = at(f"redis://:{PASSWORD}@host:6379/0")
    assert PASSWORD not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_redis_is_not_imported_without_a_redis_url() -> None:
    code = "import sys, service.storage.open; sys.exit('redis' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own program
