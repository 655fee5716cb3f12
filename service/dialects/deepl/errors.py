"""Give errors the HTTP statuses that DeepL does."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from service.errors import ApiError, InvalidFieldError
from service.wire.field_errors import ErrorDetails, about_field, dotted

QUOTA_EXCEEDED = 456  # DeepL's own

STATUSES: Mapping[str | int, int] = {
    HTTPStatus.UNAUTHORIZED: HTTPStatus.FORBIDDEN,
    HTTPStatus.UNPROCESSABLE_ENTITY: HTTPStatus.BAD_REQUEST,
    "quota_exceeded": QUOTA_EXCEEDED,
    "queue_full": HTTPStatus.TOO_MANY_REQUESTS,
    "task_not_served": HTTPStatus.BAD_REQUEST,
}


def invalid_body(_path: str, errors: Sequence[ErrorDetails]) -> ApiError:
    """Return the error for a parameter that FastAPI refused."""
    error = errors[0]
    return InvalidFieldError(dotted(error["loc"][1:]), about_field(error))
