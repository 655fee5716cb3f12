"""The error object of every route."""

import json
from http import HTTPStatus

from service.wire.error_object import error_body
from service.wire.problems import Problem


def test_the_object_says_sentence_and_code_twice_and_names_the_request() -> None:
    problem = Problem(HTTPStatus.NOT_FOUND, "model_not_found", "`model` is 'x'", {})
    assert json.loads(error_body(problem, "r1")) == {
        "error": "`model` is 'x'",
        "message": "`model` is 'x'",
        "error_type": "model_not_found",
        "code": "model_not_found",
        "request_id": "r1",
    }
