"""The settings: from the environment, frozen, described."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from service.settings import Settings


def test_the_service_listens_on_loopback_unless_told_otherwise() -> None:
    assert (Settings().host, Settings().port) == ("127.0.0.1", 8000)
    assert (Settings().metrics_host, Settings().metrics_port) == ("127.0.0.1", 9464)


def test_the_environment_overrides_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_MAX_ITEMS", "5")
    assert Settings().max_items == 5


def test_a_variable_that_is_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_CACHE_FOLDER", "")
    assert Settings().cache_folder is None


@pytest.mark.parametrize("given", ["LOCALHOST, example.com.,", ["localhost", "example.com"]])
def test_names_are_separated_by_commas_or_listed(given: str | list[str]) -> None:
    assert Settings.model_validate({"allowed_hosts": given}).allowed_hosts == (
        "localhost",
        "example.com",
    )


def test_the_environment_gives_names_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_ALLOWED_HOSTS", "localhost,[::1]")
    monkeypatch.setenv("DRAGOMAN_ALLOWED_ORIGINS", "https://a.example,http://b.example:80")
    settings = Settings()
    assert settings.allowed_hosts == ("localhost", "[::1]")
    assert settings.allowed_origins == ("https://a.example", "http://b.example:80")


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("allowed_hosts", "localhost:8000"),
        ("allowed_hosts", "https://example.com"),
        ("allowed_hosts", "::1"),
        ("allowed_origins", "example.com"),
        ("allowed_origins", "https://example.com/path"),
        ("allowed_origins", "https://example.com/"),
    ],
)
def test_a_name_that_no_header_will_hold_is_refused(field: str, name: str) -> None:
    with pytest.raises(ValidationError, match="holds"):
        Settings.model_validate({field: name})


def test_a_setting_cannot_be_changed_later() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1


def test_a_default_timeout_beyond_the_longest_is_refused() -> None:
    with pytest.raises(ValidationError, match="default_timeout_ms is 2000"):
        Settings(default_timeout_ms=2_000, max_timeout_ms=1_000)


def test_an_admin_key_is_taken_without_the_line_end_of_its_file() -> None:
    key = Settings(admin_key=SecretStr("0123456789abcdef\n")).admin_key
    assert key == SecretStr("0123456789abcdef")


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("secret", "has 6 characters, must have 16 or more"),
        ("secret" + " " * 20, "has 6 characters, must have 16 or more"),
        ("a secret with blanks", "without blanks"),
        ("geheimer-Schlüssel", "printable ASCII"),
    ],
)
def test_an_admin_key_that_is_weak_or_fits_no_header_is_refused_and_not_shown(
    key: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRAGOMAN_ADMIN_KEY", key)
    with pytest.raises(ValidationError, match=sentence) as caught:
        Settings()
    assert key.strip() not in str(caught.value)


def test_every_setting_is_described() -> None:
    assert [n for n, f in Settings.model_fields.items() if not f.description] == []


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ("0123456789abcdef,secret", "key 2 has 6 characters, must have 16 or more"),
        ("geheimer-Schlüssel", "key 1 must be of printable ASCII"),
        (" , ", "holds no key"),
        ("0123456789abcdef,0123456789abcdef", "holds a key twice"),
    ],
)
def test_api_keys_that_are_weak_or_fit_no_header_are_refused_and_not_shown(
    keys: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRAGOMAN_API_KEYS", keys)
    with pytest.raises(ValidationError, match=sentence) as caught:
        Settings()
    for key in keys.split(","):
        assert not key.strip() or key not in str(caught.value)


def test_a_keys_file_is_the_same_file_in_a_process_that_runs_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRAGOMAN_KEYS_FILE", "keys.yaml")
    assert Settings().keys_file == tmp_path / "keys.yaml"


def test_the_admin_key_is_none_of_the_api_keys() -> None:
    key = SecretStr("0123456789abcdef")
    with pytest.raises(ValidationError, match="must differ") as caught:
        Settings(admin_key=key, api_keys=key)
    assert key.get_secret_value() not in str(caught.value)
