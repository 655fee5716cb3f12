"""Render a problem as LibreTranslate does, in its words where clients know them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus

from service.errors import (
    InvalidFieldError,
    TextTooLongError,
    UnauthorizedError,
    UnknownLanguageError,
    listing,
    show,
)
from service.wire import error_object
from service.wire.problems import Problem

# LibreTranslate answers 400 to every request that it cannot take, and 403 where it may not.
STATUSES: Mapping[str | int, int] = {
    "not_offered": HTTPStatus.FORBIDDEN,
    "task_not_served": HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED: HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNPROCESSABLE_ENTITY: HTTPStatus.BAD_REQUEST,
}


class KeyRefusedError(UnauthorizedError):
    """A request whose key is not valid, or that has none where one is needed."""

    def __str__(self) -> str:
        if self.has_key:
            return "Invalid API key"
        return "Please contact the server operator to get an API key"


class MissingParameterError(InvalidFieldError):
    """A request without a field that it must have."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "is required")

    def sentence(self, names: Mapping[str, str]) -> str:  # noqa: ARG002 - they are its own already
        return f"Invalid request: missing {self.field} parameter"


class UnsupportedLanguageError(UnknownLanguageError):
    """A code of no served language; `served` are codes that clients may send."""

    def __init__(self, field: str, code: str, *, served: Sequence[str]) -> None:
        super().__init__(field, code, served=served)
        shown = code if show(code) == repr(code) else show(code)
        self._sentence = (
            f"{shown} is not supported; `{field}` must be one of the languages served, "
            f"{listing(served)}"
        )

    def sentence(self, names: Mapping[str, str]) -> str:  # noqa: ARG002 - they are its own already
        return self._sentence


class RequestTooLongError(TextTooLongError):
    """A request with more texts, or more characters together, than the limit."""

    def __init__(self, size: int, *, limit: int) -> None:
        super().__init__(num_characters=size, limit=limit, field="q")
        self._sentence = f"Invalid request: request ({size}) exceeds text limit ({limit})"

    def sentence(self, names: Mapping[str, str]) -> str:  # noqa: ARG002 - they are its own already
        return self._sentence


def error_body(problem: Problem, request_id: str) -> bytes:
    """Return the JSON of the error object."""
    if problem.status == HTTPStatus.TOO_MANY_REQUESTS:
        problem = replace(problem, sentence=f"Slowdown: {problem.sentence}")
    return error_object.error_body(problem, request_id)
