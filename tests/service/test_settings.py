"""The settings: from the environment, frozen, described."""

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
