"""The command `dragoman`, run in this process."""

from typer.testing import CliRunner, Result

from service.cli.main import app


def dragoman(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, arguments)


def succeed(*arguments: str) -> str:
    """What a command that has to succeed prints."""
    result = dragoman(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def fail(*arguments: str, code: int = 1) -> str:
    """What a command that has to fail says; without a trace of how it is made."""
    result = dragoman(*arguments)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    return result.stderr
