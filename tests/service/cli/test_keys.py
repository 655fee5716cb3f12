"""`dragoman keys`: only what was asked for on standard output, and a key on it once."""

import json
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner, Result

from service.cli.main import app
from service.settings import Settings
from tests.support.service.clients import client_of
from tests.support.service.commands import dragoman, fail, succeed
from tests.support.service.keys import bearing, make_key

OWN_KEY = "f63c02c5-f056-4ea0-a3a1-0c8b2f3a9f10:fx"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A keys file that the environment names; there is none yet."""
    path = tmp_path / "keys.yaml"
    monkeypatch.setenv("DRAGOMAN_KEYS_FILE", str(path))
    return path


def create_from(standard_input: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["keys", "create", *arguments, "--stdin"], input=standard_input)


def answers(client: TestClient, key: str) -> int:
    return client.get("/v1/models", headers=bearing(key)).status_code


def test_a_key_is_alone_on_standard_output_and_opens_the_service(file: Path) -> None:
    result = dragoman("keys", "create", "app")
    assert re.fullmatch(r"dragoman_[0-9A-Za-z]{32}\n", result.stdout)
    assert result.stdout.strip() not in result.stderr
    assert answers(client_of(keys_file=file), result.stdout.strip()) == 200


def test_a_key_of_one_s_own_opens_the_service_and_is_not_repeated(file: Path) -> None:
    result = create_from(f"{OWN_KEY}\n", "deepl")
    assert (result.exit_code, result.stdout) == (0, "")
    assert OWN_KEY not in result.stderr
    assert answers(client_of(keys_file=file), OWN_KEY) == 200


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("", "the key has 0 characters, must have 16 or more"),
        ("secret\n", "the key has 6 characters"),
        ("a secret with blanks\n", "without blanks"),
        ("geheimer-Schlüssel\n", "printable ASCII"),
    ],
)
def test_a_key_that_is_weak_or_fits_no_header_is_refused_and_not_shown(
    file: Path, given: str, sentence: str
) -> None:
    result = create_from(given, "deepl")
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert not given.strip() or given.strip() not in result.stderr
    assert not file.exists()


def test_scopes_and_limits_are_kept_and_listed_without_the_hash(file: Path) -> None:
    options = ("--requests-per-minute", "5", "--characters-per-minute", "600")
    make_key(file, "app", *options, "--characters-per-month", "70000")
    make_key(file, "Büro 2", "--scope", "admin", "--scope", "metrics", "--scope", "admin")
    one, two = map(json.loads, succeed("keys", "list", "--json").splitlines())
    assert one["scopes"] == ["translate", "summarize"]
    assert (one["requests_per_minute"], one["characters_per_minute"]) == (5, 600)
    assert (two["name"], two["scopes"]) == ("Büro 2", ["admin", "metrics"])
    assert two["characters_per_month"] is None
    lines = succeed("keys", "list").splitlines()
    assert lines[0].startswith("app ")
    assert lines[0].endswith(
        "5 requests a minute, 600 characters a minute, 70000 characters a month"
    )
    assert lines[1].startswith(f"Büro 2  {two['id']}")
    assert "hash" not in one
    assert "hash" not in two


@pytest.mark.parametrize("by", ["name", "id"])
def test_a_key_is_revoked_by_name_or_id_and_the_others_stay(file: Path, by: str) -> None:
    keys = [make_key(file, name) for name in ("one", "two")]
    listed = json.loads(succeed("keys", "list", "--json").splitlines()[0])
    assert succeed("keys", "revoke", listed[by]) == ""
    client = client_of(keys_file=file)
    assert [answers(client, key) for key in keys] == [401, 200]


def test_usage_names_every_client_of_the_file_and_of_the_environment(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRAGOMAN_API_KEYS", "0123456789abcdef")
    make_key(file, "app", "--characters-per-month", "70000")
    listed, environment = map(json.loads, succeed("keys", "usage", "--json").splitlines())
    assert (listed["name"], listed["characters_per_month"]) == ("app", 70000)
    assert environment["id"].startswith("env-")
    assert json.loads(succeed("keys", "usage", "app", "--json")) == listed
    assert succeed("keys", "usage", listed["id"]).startswith(f"app  {listed['id']}  ")


def test_usage_of_the_environment_s_keys_needs_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_API_KEYS", "0123456789abcdef")
    assert succeed("keys", "usage").startswith("env-")


@pytest.mark.parametrize(
    "command", [("create", "a"), ("list",), ("revoke", "a"), ("usage",)], ids=lambda c: c[0]
)
def test_without_a_keys_file_the_two_ways_to_name_one_are_said(command: tuple[str, ...]) -> None:
    told = fail("keys", *command, code=2)
    assert "--keys-file" in told
    assert "DRAGOMAN_KEYS_FILE" in told


@pytest.mark.parametrize("command", ["revoke", "usage"])
def test_a_name_that_no_key_has_is_refused_with_those_there_are(file: Path, command: str) -> None:
    make_key(file, "app")
    assert "no key is called 'ap'; there are app" in fail("keys", command, "ap", code=2)


def test_a_key_in_place_of_its_name_is_not_shown(file: Path) -> None:
    key = make_key(file, "app")
    for command in ("create", "revoke", "usage"):
        assert key not in fail("keys", command, key, code=2)


def test_a_name_or_a_key_is_taken_once(file: Path) -> None:
    assert create_from(OWN_KEY, "one").exit_code == 0
    before = file.read_text()
    assert "there is a key called 'one'" in fail("keys", "create", "one", code=2)
    again = create_from(OWN_KEY, "two")
    assert (again.exit_code, OWN_KEY in again.stderr) == (2, False)
    assert "this is the key of 'one'" in again.stderr
    assert file.read_text() == before


@pytest.mark.parametrize("name", ["", " a", "a\nb", "\x1b[1mbold", "n" * 65])
def test_a_name_that_cannot_be_shown_in_a_line_is_refused(file: Path, name: str) -> None:
    assert "the name: " in fail("keys", "create", name, code=2)
    assert not file.exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere" / "keys.yaml"
    told = fail("keys", "create", "a", "--keys-file", str(missing), code=1)
    assert str(missing.parent) in told


def test_settings_do_not_show_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_API_KEYS", f"{OWN_KEY},0123456789abcdef")
    settings = Settings()
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert OWN_KEY not in shown
        assert "0123456789abcdef" not in shown
