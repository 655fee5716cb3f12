"""Turn errors of a hub, and of its library, into one sentence each, without the token."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import urlsplit

from huggingface_hub import constants
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError: of httpx or other
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from model.errors import ModelError

_LIBRARY_ERRORS = (HTTPError, OSError, ValueError, RuntimeError)  # all that the library may raise


class HubError(ModelError):
    """A model that its hub lacks or refuses, or a hub that does not answer; hides the token."""


@contextmanager
def failures_as_sentences(about: str) -> Iterator[None]:
    """Raise a HubError that begins with `about` in place of any error of the library.

    The library's own messages are left out: they have several lines, and one, about a header that
    cannot be sent, shows the token.
    """
    try:
        yield
    except _LIBRARY_ERRORS as error:
        raise HubError(f"{about}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    match error:
        case GatedRepoError():
            return (
                "is gated: accept its conditions on its page, and give a token of your account in "
                "HF_TOKEN"
            )
        case RepositoryNotFoundError():
            return (
                f"there is no such model at {_host()}, or it is private and HF_TOKEN holds no token"
                " that may read it; nor is there a folder of that name here"
            )
        case RevisionNotFoundError():
            return "the model has no such revision"
        case HfHubHTTPError() if not isinstance(error, LocalEntryNotFoundError):  # one before 1.0
            status = error.response.status_code
            if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
                return f"{_host()} refuses it ({status}); is HF_TOKEN still valid?"
            return f"{_host()} answered with status {status}"
        case _:
            return f"no answer from {_host()}: {_innermost(error)}"


def _innermost(error: BaseException) -> str:
    """Return the operating system's message from the chain of causes, else the error's class."""
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) and cause not in causes:
        causes.append(cause)
    found = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
    return found[-1] if found else type(error).__name__


def _host() -> str:
    return urlsplit(constants.ENDPOINT).hostname or "the hub"
