"""Parts shared by all commands: options, settings, and errors as exit codes."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from pydantic import SecretStr, ValidationError
from rich.console import Console

from model.errors import InvalidParamsError, ModelError
from service.errors import (
    ApiError,
    InvalidFieldError,
    ModelNotFoundError,
    UnknownLanguageError,
    UnsupportedPairError,
)
from service.settings import Settings

console = Console(stderr=True, highlight=False)

_SECRETS = [
    name for name, field in Settings.model_fields.items() if SecretStr in get_args(field.annotation)
]

USAGE_ERRORS = (
    InvalidParamsError,
    InvalidFieldError,
    ModelNotFoundError,
    UnknownLanguageError,
    UnsupportedPairError,
)


class Dtype(StrEnum):
    """Types of the weights, as values of an option."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
    INT8 = "int8"


CatalogueOption = Annotated[
    Path | None, typer.Option(help="YAML file of the models; the bundled ones without it.")
]
DtypeOption = Annotated[
    Dtype | None, typer.Option(help="Type of the weights; the fastest the device has if unset.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]


class ExitCode(IntEnum):
    """The exit codes of all commands."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    INTERRUPTED = 130


class CommandError(Exception):
    """A command that cannot go on; the message is a sentence for the user."""


class UsageError(CommandError):
    """A wrong argument or option of a command."""


@contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """Turn an expected error into one sentence on standard error and an exit code."""
    try:
        yield
    except BrokenPipeError:  # the reader of a pipe has ended, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(ExitCode.DONE) from None
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except ValidationError as error:
        raise _exit_with(_sentence(error), ExitCode.USAGE) from None
    except (UsageError, *USAGE_ERRORS) as error:
        raise _exit_with(error, ExitCode.USAGE) from None
    except (CommandError, ModelError, ApiError, OSError) as error:
        raise _exit_with(error, ExitCode.FAILED) from None


def settings_with(**options: Any) -> Settings:
    """Return the settings of the environment, overridden by the options that are not None.

    Raises:
        ValidationError: A setting is invalid.
    """
    return Settings(**given(**options))


def given(**options: Any) -> dict[str, Any]:
    """Return the options that are not None."""
    return {name: value for name, value in options.items() if value is not None}


def _sentence(error: ValidationError) -> str:
    """Return field, message and value of the first error, without the value of a secret."""
    first = error.errors()[0]
    field = ".".join(map(str, first["loc"])) or "settings"
    got = "" if field in _SECRETS else f" (got {first['input']!r})"
    return f"{field}: {first['msg'].removeprefix('Value error, ')}{got}"


def _exit_with(error: Exception | str, code: ExitCode) -> typer.Exit:
    console.print(f"dragoman: {error}", style="red", markup=False, soft_wrap=True)
    return typer.Exit(code)
