"""Render a problem as the native API's error object."""

from service.dialects.native.answer_schemas import ErrorResponse
from service.wire.problems import Problem


def error_body(problem: Problem, request_id: str) -> bytes:
    """Return the JSON of the error object."""
    return error_object(problem, request_id).model_dump_json().encode()


def error_object(problem: Problem, request_id: str) -> ErrorResponse:
    """Return the one error object of every native route."""
    return ErrorResponse(
        error=problem.sentence,
        message=problem.sentence,
        error_type=problem.code,
        code=problem.code,
        request_id=request_id,
    )
