"""Without keys, only this machine is answered, unless it is said that anybody may."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from service.cluster.app import ExposedError, build_app
from service.settings import Settings
from tests.support.service.commands import fail

EVERYWHERE = ("0.0.0.0", "::", "192.0.2.7", "translate.example.com")  # noqa: S104 - not bound
MAY_LISTEN = [
    pytest.param({"insecure": True}, id="insecure"),
    pytest.param({"keys_file": Path("keys.yaml")}, id="file"),
    pytest.param({"api_keys": SecretStr("0123456789abcdef")}, id="environment"),
]


@pytest.mark.parametrize("host", EVERYWHERE)
def test_without_keys_an_address_that_others_reach_is_refused_in_one_sentence(host: str) -> None:
    told = fail("serve", "--host", host, code=2)
    assert f"anybody who reaches {host} could use the service" in told
    for remedy in ("dragoman keys create", "DRAGOMAN_API_KEYS", "DRAGOMAN_INSECURE=1"):
        assert remedy in told
    assert told.count("\n") == 1


def test_the_admin_key_alone_closes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_ADMIN_KEY", "0123456789abcdef")
    assert "could use the service" in fail("serve", "--host", EVERYWHERE[0], code=2)


@pytest.mark.parametrize(
    "options",
    [
        ("--host", "127.0.0.2"),
        ("--host", "::1"),
        ("--host", "localhost"),
        (),
        ("--host", EVERYWHERE[0], "--insecure"),
    ],
)
def test_loopback_needs_no_keys_and_another_address_none_where_that_is_said(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    told = fail("serve", *options, "--catalogue", str(tmp_path / "none.yaml"))
    assert "cannot read the catalogue" in told  # the next check


def test_a_keys_file_that_cannot_be_used_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRAGOMAN_KEYS_FILE", str(tmp_path / "keys.yaml"))
    assert "cannot read the keys file" in fail("serve", "--host", EVERYWHERE[0])


def test_a_serve_config_whose_address_is_not_known_needs_keys_or_that_word() -> None:
    with pytest.raises(ExposedError, match="could use the service: set DRAGOMAN_KEYS_FILE"):
        build_app(Settings(device="cpu"))


@pytest.mark.parametrize("settings", MAY_LISTEN)
def test_a_serve_config_with_keys_or_that_word_is_built(settings: dict[str, Any]) -> None:
    assert build_app(Settings(device="cpu", **settings)) is not None
