"""Every error has a status, and one object tells it."""

import pytest
from starlette.exceptions import HTTPException

import model.errors
import service.errors
from model.errors import CheckpointError, InvalidParamsError, ModelError, QueueFullError
from service.errors import ApiError, InvalidFieldError, ModelNotLoadedError
from service.wire.problems import ERROR_KINDS, kind_of, problem_of
from service.wire.refusals import BodyTooLargeError


def tree(base: type[Exception]) -> list[type[Exception]]:
    return [base, *(cls for sub in base.__subclasses__() for cls in tree(sub))]


@pytest.mark.parametrize("cls", [*tree(ModelError), *tree(ApiError)], ids=lambda cls: cls.__name__)
def test_every_error_class_has_its_own_entry(cls: type[Exception]) -> None:
    if cls.__module__ in {model.errors.__name__, service.errors.__name__}:
        assert cls in ERROR_KINDS


def test_an_unlisted_class_takes_the_entry_of_its_base() -> None:
    class NewError(QueueFullError):
        pass

    assert kind_of(NewError(num_waiting=1, limit=1)) == ERROR_KINDS[QueueFullError]


def test_a_client_is_told_when_to_come_back() -> None:
    problem = problem_of(QueueFullError(num_waiting=2, limit=2), names={}, retry_after_s=7)
    assert (problem.status, problem.headers["retry-after"]) == (503, "7")


@pytest.mark.parametrize("error", [RuntimeError("/secret/path"), CheckpointError("/secret/path")])
def test_a_fault_of_ours_shows_no_detail(error: Exception) -> None:
    problem = problem_of(error, names={}, retry_after_s=1)
    assert problem.status == 500
    assert "secret" not in problem.sentence


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        pytest.param(HTTPException(404), 404, "not_found", id="404"),
        pytest.param(HTTPException(400, "parsing"), 422, "invalid_body", id="unreadable body"),
        pytest.param(HTTPException(418), 418, "i'm_a_teapot", id="any other"),
        pytest.param(BodyTooLargeError(limit_bytes=9), 413, "body_too_large", id="413"),
    ],
)
def test_the_framework_s_errors_are_told_alike(error: Exception, status: int, code: str) -> None:
    problem = problem_of(error, names={}, retry_after_s=1)
    assert (problem.status, problem.code) == (status, code)


def test_who_needs_a_model_that_failed_to_load_comes_back_when_it_is_tried_again() -> None:
    error = ModelNotLoadedError("a", retry_s=9.2)
    problem = problem_of(error, names={}, retry_after_s=1)
    assert (problem.status, problem.headers["retry-after"]) == (503, "10")
    assert "a request in 10 s or later" in problem.sentence


def test_a_wrong_method_names_the_right_one() -> None:
    error = HTTPException(405, headers={"Allow": "POST"})
    problem = problem_of(error, names={}, retry_after_s=1)
    assert problem.sentence.endswith("it takes POST")
    assert problem.headers == {"Allow": "POST"}


@pytest.mark.parametrize(
    "error",
    [InvalidFieldError("target_lang", "is bad"), InvalidParamsError("target_lang", "is bad")],
    ids=lambda error: type(error).__name__,
)
def test_a_field_is_called_as_the_dialect_calls_it(error: Exception) -> None:
    problem = problem_of(error, names={"target_lang": "target"}, retry_after_s=1)
    assert "target_lang" not in problem.sentence
    assert "target" in problem.sentence
