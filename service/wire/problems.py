"""Classify errors: the HTTP status, a stable code and one sentence, for every dialect alike.

`ERROR_KINDS` is the table. An internal error shows no detail: the log has it, under the request's
id.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from starlette.exceptions import HTTPException

from model.errors import (
    CheckpointError,
    ConfigError,
    DeadlineExceededError,
    EngineStoppedError,
    InputTooLongError,
    InvalidParamsError,
    ModelError,
    NoMemoryError,
    NoTokenError,
    OutputTooLongError,
    QueueFullError,
    UnsupportedModelError,
    UnsupportedTaskError,
)
from service.errors import (
    ApiError,
    ChangeConflictError,
    ChangeFailedError,
    DetectedPairError,
    FieldError,
    FleetLostError,
    ForbiddenError,
    GlossaryNotFoundError,
    InvalidBodyError,
    InvalidFieldError,
    LanguageNotServedError,
    ModelNotFoundError,
    ModelNotLoadedError,
    NotOfferedError,
    NotReadyError,
    OwnFieldError,
    QuotaExceededError,
    RateLimitedError,
    ResourceNotFoundError,
    StoreError,
    TaskNotServedError,
    TextTooLongError,
    UnauthorizedError,
    UnknownLanguageError,
    UnsupportedPairError,
)
from service.telemetry import metrics
from service.telemetry.log import get_logger
from service.wire.refusals import (
    BodyEncodingError,
    BodyTimeoutError,
    BodyTooLargeError,
    HeadTooLargeError,
    HostNotAllowedError,
    RefusalError,
)

logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """HTTP status and code of one class of errors."""

    status: HTTPStatus
    code: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One error as a client may see it; a dialect renders it in its own shape.

    Attributes:
        status: Of HTTP; a dialect may give another.
        code: Stable name for programs, such as `queue_full`.
        sentence: The field, the value and the limit, in the dialect's names.
        headers: `retry-after` and the like.
    """

    status: int
    code: str
    sentence: str
    headers: Mapping[str, str]


_FAULT = ErrorKind(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error")
_FAULT_SENTENCE = "something failed on our side; the log has it under this request id"
_TRY_LATER = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_REJECTIONS = frozenset(
    {"queue_full", "input_too_long", "output_too_long", "text_too_long", "body_too_large"}
)

ERROR_KINDS: Mapping[type[Exception], ErrorKind] = {
    # model
    ModelError: _FAULT,
    ConfigError: _FAULT,
    CheckpointError: _FAULT,
    UnsupportedModelError: _FAULT,
    UnsupportedTaskError: ErrorKind(HTTPStatus.UNPROCESSABLE_ENTITY, "unsupported_task"),
    InvalidParamsError: ErrorKind(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_field"),
    InputTooLongError: ErrorKind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "input_too_long"),
    OutputTooLongError: ErrorKind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "output_too_long"),
    QueueFullError: ErrorKind(HTTPStatus.SERVICE_UNAVAILABLE, "queue_full"),
    DeadlineExceededError: ErrorKind(HTTPStatus.GATEWAY_TIMEOUT, "deadline_exceeded"),
    NoMemoryError: ErrorKind(HTTPStatus.SERVICE_UNAVAILABLE, "out_of_memory"),
    NoTokenError: _FAULT,
    EngineStoppedError: ErrorKind(HTTPStatus.SERVICE_UNAVAILABLE, "engine_stopped"),
    # API
    ApiError: _FAULT,
    FieldError: _FAULT,
    InvalidBodyError: ErrorKind(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_field"),
    InvalidFieldError: ErrorKind(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_field"),
    OwnFieldError: ErrorKind(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_field"),
    NotOfferedError: ErrorKind(HTTPStatus.UNPROCESSABLE_ENTITY, "not_offered"),
    UnknownLanguageError: ErrorKind(HTTPStatus.UNPROCESSABLE_ENTITY, "unknown_language"),
    UnsupportedPairError: ErrorKind(HTTPStatus.UNPROCESSABLE_ENTITY, "unsupported_pair"),
    DetectedPairError: ErrorKind(HTTPStatus.UNPROCESSABLE_ENTITY, "unsupported_pair"),
    LanguageNotServedError: ErrorKind(HTTPStatus.UNPROCESSABLE_ENTITY, "language_not_served"),
    ModelNotFoundError: ErrorKind(HTTPStatus.NOT_FOUND, "model_not_found"),
    ResourceNotFoundError: ErrorKind(HTTPStatus.NOT_FOUND, "resource_not_found"),
    GlossaryNotFoundError: ErrorKind(HTTPStatus.NOT_FOUND, "glossary_not_found"),
    TaskNotServedError: ErrorKind(HTTPStatus.NOT_FOUND, "task_not_served"),
    TextTooLongError: ErrorKind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "text_too_long"),
    NotReadyError: ErrorKind(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready"),
    ModelNotLoadedError: ErrorKind(HTTPStatus.SERVICE_UNAVAILABLE, "model_not_loaded"),
    UnauthorizedError: ErrorKind(HTTPStatus.UNAUTHORIZED, "unauthorized"),
    ForbiddenError: ErrorKind(HTTPStatus.FORBIDDEN, "forbidden"),
    RateLimitedError: ErrorKind(HTTPStatus.TOO_MANY_REQUESTS, "rate_limited"),
    QuotaExceededError: ErrorKind(HTTPStatus.TOO_MANY_REQUESTS, "quota_exceeded"),
    StoreError: ErrorKind(HTTPStatus.SERVICE_UNAVAILABLE, "store_unavailable"),
    ChangeConflictError: ErrorKind(HTTPStatus.CONFLICT, "change_conflict"),
    ChangeFailedError: ErrorKind(HTTPStatus.UNPROCESSABLE_ENTITY, "change_failed"),
    FleetLostError: ErrorKind(HTTPStatus.SERVICE_UNAVAILABLE, "fleet_lost"),
    # HTTP
    RefusalError: _FAULT,
    BodyTooLargeError: ErrorKind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large"),
    BodyTimeoutError: ErrorKind(HTTPStatus.REQUEST_TIMEOUT, "body_timeout"),
    BodyEncodingError: ErrorKind(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding"),
    HeadTooLargeError: ErrorKind(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large"),
    HostNotAllowedError: ErrorKind(HTTPStatus.MISDIRECTED_REQUEST, "host_not_allowed"),
}

_HTTP_CODES: Mapping[int, tuple[str, str]] = {
    400: ("invalid_body", "the body could not be read as JSON"),
    404: ("not_found", "there is no such route; /docs lists those that exist"),
    405: ("method_not_allowed", "this route does not take that method; it takes {allow}"),
}


class ErrorReporter:
    """Turns any error into a Problem; logs internal errors and counts rejected requests."""

    def __init__(self, *, retry_after_s: int) -> None:
        """Take the `Retry-After` of answers with 429 or 503, in seconds."""
        self._retry_after_s = retry_after_s

    def __call__(self, error: Exception, names: Mapping[str, str]) -> Problem:
        """Return the problem; `names` maps field names of the records to the dialect's own."""
        problem = problem_of(error, names=names, retry_after_s=self._retry_after_s)
        if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            logger.error("request failed", exc_info=error)
        if problem.code in _REJECTIONS:
            metrics.REJECTED.labels(problem.code).inc()
        return problem


def kind_of(error: Exception) -> ErrorKind:
    """Return the entry of the error's nearest listed class; an unlisted error is internal."""
    return next((ERROR_KINDS[c] for c in type(error).__mro__ if c in ERROR_KINDS), _FAULT)


def problem_of(error: Exception, *, names: Mapping[str, str], retry_after_s: int) -> Problem:
    """Return the client's view of `error`, with fields by the dialect's `names`."""
    if isinstance(error, HTTPException) and not isinstance(error, RefusalError):
        return _framework_problem(error)
    kind = kind_of(error)
    sentence = _FAULT_SENTENCE if kind == _FAULT else _sentence(error, names)
    if isinstance(error, ApiError) and error.retry_after_s is not None:
        retry_after_s = error.retry_after_s
    # Until a month ends no client should wait, and some wait for as long as they are told to.
    is_soon = kind.status in _TRY_LATER and not isinstance(error, QuotaExceededError)
    headers = {"retry-after": str(retry_after_s)} if is_soon else {}
    if kind.status == HTTPStatus.UNAUTHORIZED:
        headers = {"www-authenticate": "Bearer"}
    if isinstance(error, RefusalError):
        headers.update(error.headers or {})
    return Problem(kind.status, kind.code, sentence, headers)


def _framework_problem(error: HTTPException) -> Problem:
    status, headers = HTTPStatus(error.status_code), error.headers or {}
    code, sentence = _HTTP_CODES.get(status, (status.phrase.lower().replace(" ", "_"), ""))
    if status == HTTPStatus.BAD_REQUEST:  # FastAPI could not read the body
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = sentence.format(allow=headers.get("Allow", "others")) or status.phrase
    return Problem(status, code, sentence, headers)


def _sentence(error: Exception, names: Mapping[str, str]) -> str:
    if isinstance(error, HTTPException):
        return error.detail
    if isinstance(error, FieldError):
        return error.sentence(names)
    if isinstance(error, InvalidParamsError):
        return str(error).replace(error.field, names.get(error.field, error.field), 1)
    return str(error)
