"""The comparison of the client APIs' costs runs, and every API answers it."""

import pytest

from loadtests.overhead.__main__ import main
from loadtests.overhead.calls import calls


@pytest.mark.parametrize(("limit_ms", "expected"), [("10000", 0), ("-10000", 1)])
def test_every_client_api_answers_and_the_limit_decides_the_exit_code(
    capsys: pytest.CaptureFixture[str], limit_ms: str, expected: int
) -> None:
    options = ["--requests", "2", "--turns", "1", "--texts", "1", "2", "--limit-ms", limit_ms]
    assert main(options) == expected
    printed = capsys.readouterr().out
    assert all(name in printed for name in calls(["a"]))
