"""What all commands share: options, the settings they are given, and errors as exit codes."""

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
    """Types of the weights that can be asked for."""

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
    """What the shell is told."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    INTERRUPTED = 130


class CommandError(Exception):
    """A command cannot go on; the sentence says why."""


class UsageError(CommandError):
    """A command was given what makes no sense; the sentence says what."""


@contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """End the program with one sentence and a code, where something expected goes wrong."""
    try:
        yield
    except BrokenPipeError:  # the reader has seen enough
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
    """The settings of the environment, with the options that were given.

    Raises:
        ValidationError: One of them is out of range.
    """
    return Settings(**given(**options))


def given(**options: Any) -> dict[str, Any]:
    """The options that are not None."""
    return {name: value for name, value in options.items() if value is not None}


def _sentence(error: ValidationError) -> str:
    """Field, value and limit of the first thing that is wrong."""
    problem = error.errors()[0]
    field = ".".join(map(str, problem["loc"])) or "settings"
    got = "" if field in _SECRETS else f" (got {problem['input']!r})"
    return f"{field}: {problem['msg'].removeprefix('Value error, ')}{got}"


def _exit_with(error: Exception | str, code: ExitCode) -> typer.Exit:
    console.print(f"dragoman: {error}", style="red", markup=False, soft_wrap=True)
    return typer.Exit(code)
