"""API keys for tests: made by the command that operators use."""

from pathlib import Path

from tests.support.service.commands import succeed


def make_key(file: Path, name: str, *options: str) -> str:
    """Make a key in a file, with the options of `dragoman keys create`; return the key."""
    return succeed("keys", "create", name, *options, "--keys-file", str(file)).strip()


def bearing(key: str) -> dict[str, str]:
    """Return the headers of a request with a key."""
    return {"authorization": f"Bearer {key}"}
