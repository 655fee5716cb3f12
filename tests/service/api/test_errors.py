"""Each path's errors have the shape and the names of the dialect that it belongs to."""

from collections.abc import Sequence
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel
from starlette.testclient import TestClient

from service.api.errors import ErrorAnswers
from service.dialects.dialect import Dialect
from service.errors import ApiError, InvalidBodyError, UnknownLanguageError
from service.wire.field_errors import ErrorDetails
from service.wire.middleware import RequestContext
from service.wire.problems import ErrorReporter, Problem


class Body(BaseModel):
    number: int


def dialect(name: str, prefix: str, names: dict[str, str]) -> Dialect:
    """A dialect whose errors begin with its name."""
    router = APIRouter(prefix=prefix.rstrip("/"))

    async def refuse() -> None:
        raise UnknownLanguageError("target_lang", "xx", served=["de"])

    async def take(body: Body) -> None: ...

    async def fail() -> None:
        raise RuntimeError

    def invalid(path: str, errors: Sequence[ErrorDetails]) -> ApiError:
        return InvalidBodyError(f"{path} has {len(errors)} errors")

    def body_of(problem: Problem, request_id: str) -> bytes:  # noqa: ARG001
        return f"{name}: {problem.code}: {problem.sentence}".encode()

    router.add_api_route("/refuse", refuse)
    router.add_api_route("/take", take, methods=["POST"])
    router.add_api_route("/fail", fail)
    router.add_api_route("/fail", fail, methods=["DELETE", "PATCH"])
    return Dialect(
        prefixes=(prefix,),
        router=router,
        error_body=body_of,
        invalid_body=invalid,
        field_names=names,
    )


@pytest.fixture
def client() -> TestClient:
    dialects = [dialect("plain", "", {}), dialect("other", "/other/", {"target_lang": "to"})]
    app = FastAPI()
    for each in dialects:
        app.include_router(each.router)
    answers = ErrorAnswers(dialects, ErrorReporter(retry_after_s=1))
    answers.add_handlers(app)
    app.add_middleware(RequestContext, observe=lambda *_: None, answer_to=answers)
    return TestClient(app)


@pytest.mark.parametrize(
    ("method", "path", "status", "expected"),
    [
        ("GET", "/refuse", 422, "plain: unknown_language: `target_lang` is 'xx'; "),
        ("GET", "/other/refuse", 422, "other: unknown_language: `to` is 'xx'; "),
        ("GET", "/fail", 500, "plain: internal_error: "),
        ("GET", "/other/fail", 500, "other: internal_error: "),
        ("GET", "/nothing", 404, "plain: not_found: "),
        ("GET", "/other/nothing", 404, "other: not_found: "),
        ("POST", "/other/take", 422, "other: invalid_field: /other/take has 1 errors"),
    ],
)
def test_the_path_decides_how_an_error_is_told(
    client: TestClient, method: str, path: str, status: int, expected: str
) -> None:
    kwargs: dict[str, Any] = {"json": {"number": "x"}} if method == "POST" else {}
    response = client.request(method, path, **kwargs)
    assert response.status_code == status
    assert response.text.startswith(expected)


@pytest.mark.parametrize("prefix", ["", "/other"])
def test_a_method_that_is_not_taken_is_told_all_that_are(client: TestClient, prefix: str) -> None:
    response = client.post(f"{prefix}/fail")
    assert response.status_code == 405
    assert response.headers["allow"] == "DELETE, GET, PATCH"
    assert "it takes DELETE, GET, PATCH" in response.text
