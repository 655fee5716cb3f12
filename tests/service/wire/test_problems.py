"""Every error has a status, and one object tells it."""

import pytest
from starlette.exceptions import HTTPException

import model.errors
import service.errors
from model.errors import CheckpointError, InputTooLongError, ModelError, QueueFullError
from service.errors import ApiError, ModelNotLoadedError
from service.wire.problems import PROBLEMS, BodyTooLargeError, answer_to, problem_of


def tree(base: type[Exception]) -> list[type[Exception]]:
    return [base, *(cls for sub in base.__subclasses__() for cls in tree(sub))]


@pytest.mark.parametrize("cls", [*tree(ModelError), *tree(ApiError)], ids=lambda cls: cls.__name__)
def test_every_error_class_has_its_own_entry(cls: type[Exception]) -> None:
    if cls.__module__ in {model.errors.__name__, service.errors.__name__}:
        assert cls in PROBLEMS


def test_an_unlisted_class_takes_the_entry_of_its_base() -> None:
    class NewError(QueueFullError):
        pass

    assert problem_of(NewError(num_waiting=1, limit=1)) == PROBLEMS[QueueFullError]


def test_the_object_says_the_sentence_twice_and_names_the_request() -> None:
    error = InputTooLongError(num_tokens=9, limit_tokens=8)
    answer = answer_to(error, request_id="r1", retry_after_s=1)
    sentence = "the input has 9 tokens; this model reads at most 8"
    assert answer.status == 413
    assert answer.body.model_dump() == {
        "error": sentence,
        "message": sentence,
        "error_type": "input_too_long",
        "code": "input_too_long",
        "request_id": "r1",
    }


def test_who_should_come_back_is_told_when() -> None:
    answer = answer_to(QueueFullError(num_waiting=2, limit=2), request_id="r", retry_after_s=7)
    assert (answer.status, answer.headers["retry-after"]) == (503, "7")


@pytest.mark.parametrize("error", [RuntimeError("/secret/path"), CheckpointError("/secret/path")])
def test_a_fault_of_ours_shows_no_detail(error: Exception) -> None:
    answer = answer_to(error, request_id="r", retry_after_s=1)
    assert answer.status == 500
    assert "secret" not in answer.body.error


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
    answer = answer_to(error, request_id="r", retry_after_s=1)
    assert (answer.status, answer.body.code) == (status, code)


def test_who_needs_a_model_that_failed_to_load_comes_back_when_it_is_tried_again() -> None:
    error = ModelNotLoadedError("a", retry_s=9.2)
    answer = answer_to(error, request_id="r", retry_after_s=1)
    assert (answer.status, answer.headers["retry-after"]) == (503, "10")
    assert "a request in 10 s or later" in answer.body.error


def test_a_wrong_method_names_the_right_one() -> None:
    error = HTTPException(405, headers={"Allow": "POST"})
    answer = answer_to(error, request_id="r", retry_after_s=1)
    assert answer.body.error.endswith("it takes POST")
    assert answer.headers == {"Allow": "POST"}
