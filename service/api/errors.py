"""Answer errors in the shape of the dialect that the request's path belongs to."""

from collections.abc import Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from model.errors import ModelError
from service.dialects.dialect import Dialect
from service.errors import ApiError
from service.wire.middleware import ErrorAnswer, request_id_of, route_of
from service.wire.problems import ErrorReporter

_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


class ErrorAnswers:
    """Chooses the dialect by the request's path and has it render the error."""

    def __init__(self, dialects: Sequence[Dialect], report: ErrorReporter) -> None:
        """Take the dialects; one of them has the prefix `""`, for all other paths."""
        self._by_prefix = sorted(
            ((prefix, each) for each in dialects for prefix in each.prefixes),
            key=lambda pair: len(pair[0]),
            reverse=True,
        )
        self._report = report

    def __call__(self, error: Exception, scope: Scope) -> ErrorAnswer:
        """Return the response for `error`; the framework's own errors included."""
        dialect = self._dialect_of(scope["path"])
        if isinstance(error, RequestValidationError):
            error = dialect.invalid_body(route_of(scope), error.errors())
        if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            error = _with_all_methods(error, scope)
        problem = dialect.problem(self._report(error, dialect.field_names))
        body = dialect.error_body(problem, request_id_of(scope))
        return ErrorAnswer(problem.status, problem.headers, body)

    def add_handlers(self, app: FastAPI) -> None:
        """Answer the expected errors of routes; any other reaches the outermost middleware."""
        for kind in (ModelError, ApiError, HTTPException, RequestValidationError):
            app.add_exception_handler(kind, self._handle)

    async def _handle(self, request: Request, error: Exception) -> Response:
        found = self(error, request.scope)
        return Response(
            found.body,
            status_code=found.status,
            headers=dict(found.headers),
            media_type="application/json",
        )

    def _dialect_of(self, path: str) -> Dialect:
        return next(each for prefix, each in self._by_prefix if path.startswith(prefix))


def _with_all_methods(error: HTTPException, scope: Scope) -> HTTPException:
    """Return the error with the methods of all routes of the path; Starlette names the first's."""
    routes: Sequence[BaseRoute] = scope["app"].routes
    methods = [
        method
        for method in _METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    ]
    # A mounted application, or a handler that refuses a method, says itself what the path takes.
    if not methods or scope["method"] in methods:
        return error
    return HTTPException(error.status_code, headers={"Allow": ", ".join(methods)})
