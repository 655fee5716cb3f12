"""The command `dragoman`, run in this process."""

from typer.testing import CliRunner, Result

from service.cli.main import app


def dragoman(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, arguments)


def succeed(*arguments: str) -> str:
    """Run a command that must succeed; return its standard output."""
    result = dragoman(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def fail(*arguments: str, code: int = 1) -> str:
    """Run a command that must fail, without a traceback; return its standard error."""
    result = dragoman(*arguments)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    return result.stderr
