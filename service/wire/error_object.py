"""The one error object of every route, for client APIs that have no other shape of their own."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from service.wire.openapi import JSON, inlined
from service.wire.problems import Problem


class ErrorObject(BaseModel):
    """An error as a client sees it; every value is a string."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    error: str = Field(description="One sentence: the field, the value, the limit.")
    message: str = Field(description="The same sentence.")
    error_type: str
    code: str = Field(description="A stable name for programs; the same as `error_type`.")
    request_id: str


def described(description: str) -> dict[str, Any]:
    """Return an entry of a route's `responses`: the error object, with the reason for it.

    FastAPI would make a validator of a class that is named there, for each response of each route.
    """
    return {
        "description": description,
        "content": {JSON: {"schema": inlined(ErrorObject)}},
    }


# For the `responses` of a route.
ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": described("The request cannot be answered as it is."),
    "5XX": described("The service could not answer, or not in time."),
}


def error_object(problem: Problem, request_id: str) -> ErrorObject:
    """Return the error object of a problem."""
    return ErrorObject(
        error=problem.sentence,
        message=problem.sentence,
        error_type=problem.code,
        code=problem.code,
        request_id=request_id,
    )


def error_body(problem: Problem, request_id: str) -> bytes:
    """Return the JSON of the error object."""
    return error_object(problem, request_id).model_dump_json().encode()
