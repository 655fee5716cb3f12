"""From any error to the one object that a client sees, and its status.

`PROBLEMS` is the table. Faults of ours show no detail: the log has it, under the request's id.
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
    QueueFullError,
    UnsupportedModelError,
    UnsupportedTaskError,
)
from service.errors import (
    ApiError,
    ChangeConflictError,
    ChangeFailedError,
    FleetLostError,
    InvalidFieldError,
    ModelNotFoundError,
    ModelNotLoadedError,
    NotOfferedError,
    NotReadyError,
    TaskNotServedError,
    TextTooLongError,
    UnauthorizedError,
    UnknownLanguageError,
    UnsupportedPairError,
)
from service.tasks.schemas import ErrorResponse


class BodyTooLargeError(HTTPException):
    """The request's body is longer than the service reads; raised while it is being read."""

    def __init__(self, *, limit_bytes: int) -> None:
        super().__init__(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the body is larger than {limit_bytes} bytes, the most that is read",
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """How one class of errors is told."""

    status: HTTPStatus
    code: str


_FAULT = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error")
_FAULT_SENTENCE = "something failed on our side; the log has it under this request id"
_TRY_LATER = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_TOO_MUCH = frozenset({"queue_full", "input_too_long", "text_too_long", "body_too_large"})

PROBLEMS: Mapping[type[Exception], Problem] = {
    # model
    ModelError: _FAULT,
    ConfigError: _FAULT,
    CheckpointError: _FAULT,
    UnsupportedModelError: _FAULT,
    UnsupportedTaskError: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "unsupported_task"),
    InvalidParamsError: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_field"),
    InputTooLongError: Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "input_too_long"),
    QueueFullError: Problem(HTTPStatus.SERVICE_UNAVAILABLE, "queue_full"),
    DeadlineExceededError: Problem(HTTPStatus.GATEWAY_TIMEOUT, "deadline_exceeded"),
    NoMemoryError: Problem(HTTPStatus.SERVICE_UNAVAILABLE, "out_of_memory"),
    NoTokenError: _FAULT,
    EngineStoppedError: Problem(HTTPStatus.SERVICE_UNAVAILABLE, "engine_stopped"),
    # API
    ApiError: _FAULT,
    InvalidFieldError: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_field"),
    NotOfferedError: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "not_offered"),
    UnknownLanguageError: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "unknown_language"),
    UnsupportedPairError: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "unsupported_pair"),
    ModelNotFoundError: Problem(HTTPStatus.NOT_FOUND, "model_not_found"),
    TaskNotServedError: Problem(HTTPStatus.NOT_FOUND, "task_not_served"),
    TextTooLongError: Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "text_too_long"),
    NotReadyError: Problem(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready"),
    ModelNotLoadedError: Problem(HTTPStatus.SERVICE_UNAVAILABLE, "model_not_loaded"),
    UnauthorizedError: Problem(HTTPStatus.UNAUTHORIZED, "unauthorized"),
    ChangeConflictError: Problem(HTTPStatus.CONFLICT, "change_conflict"),
    ChangeFailedError: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "change_failed"),
    FleetLostError: Problem(HTTPStatus.SERVICE_UNAVAILABLE, "fleet_lost"),
    # framework
    BodyTooLargeError: Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large"),
}

_HTTP_CODES: Mapping[int, tuple[str, str]] = {
    400: ("invalid_body", "the body could not be read as JSON"),
    404: ("not_found", "there is no such route; /docs lists those that exist"),
    405: ("method_not_allowed", "this route does not take that method; it takes {allow}"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, its headers and the error object."""

    status: HTTPStatus
    headers: Mapping[str, str]
    body: ErrorResponse

    @property
    def is_rejection(self) -> bool:
        """The request asked for more than the service takes on."""
        return self.body.code in _TOO_MUCH


def problem_of(error: Exception) -> Problem:
    """The entry of the error's nearest listed class; anything else is a fault of ours."""
    return next((PROBLEMS[c] for c in type(error).__mro__ if c in PROBLEMS), _FAULT)


def answer_to(error: Exception, *, request_id: str, retry_after_s: int) -> Answer:
    """What the client is told about `error`."""
    if isinstance(error, HTTPException) and not isinstance(error, BodyTooLargeError):
        return _answer_to_http(error, request_id=request_id)
    problem = problem_of(error)
    sentence = _sentence(error) if problem != _FAULT else _FAULT_SENTENCE
    if isinstance(error, ModelNotLoadedError):
        retry_after_s = error.retry_after_s
    headers = {"retry-after": str(retry_after_s)} if problem.status in _TRY_LATER else {}
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers = {"www-authenticate": "Bearer"}
    return _answer(problem, sentence, request_id=request_id, headers=headers)


def _answer_to_http(error: HTTPException, *, request_id: str) -> Answer:
    status, headers = HTTPStatus(error.status_code), error.headers or {}
    code, sentence = _HTTP_CODES.get(status, (status.phrase.lower().replace(" ", "_"), ""))
    if status == HTTPStatus.BAD_REQUEST:  # FastAPI could not read the body
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    return _answer(
        Problem(status, code),
        sentence.format(allow=headers.get("Allow", "others")) or status.phrase,
        request_id=request_id,
        headers=headers,
    )


def _answer(
    problem: Problem, sentence: str, *, request_id: str, headers: Mapping[str, str]
) -> Answer:
    body = ErrorResponse(
        error=sentence,
        message=sentence,
        error_type=problem.code,
        code=problem.code,
        request_id=request_id,
    )
    return Answer(problem.status, headers, body)


def _sentence(error: Exception) -> str:
    return error.detail if isinstance(error, HTTPException) else str(error)
