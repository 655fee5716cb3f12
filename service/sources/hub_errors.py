"""What a hub, or its library, fails with: one sentence each, which holds no token."""

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

_NO_ANSWER = (HTTPError, OSError, ValueError, RuntimeError)  # all that the library may raise


class HubError(ModelError):
    """A model that its hub does not have, or does not give; the sentence holds no token."""


@contextmanager
def failures_as_sentences(about: str) -> Iterator[None]:
    """The library's errors as ours, which begin with what they are about.

    Their own texts are left out: they go over several lines, and one, that of a header which
    cannot be sent, shows the token.

    Raises:
        HubError: Instead of what the library raised.
    """
    try:
        yield
    except _NO_ANSWER as error:
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
    """Why there was no answer: the system's own words where it has some."""
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) and cause not in causes:
        causes.append(cause)
    words = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
    return words[-1] if words else type(error).__name__


def _host() -> str:
    return urlsplit(constants.ENDPOINT).hostname or "the hub"
