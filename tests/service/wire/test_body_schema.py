"""A body of half a million mistakes has no more errors than one of few."""

from typing import Any

import pytest
from pydantic import ValidationError

from service.dialects.native.schemas import DetectRequest, TranslateRequest
from service.wire.body_schema import BodySchema
from service.wire.field_errors import validated

GOOD: dict[str, Any] = {"text": "Hello", "target_lang": "de"}
UNKNOWN = dict.fromkeys(map(str, range(100_000)))
MANY = 100_000


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({**GOOD, "text": [1] * MANY}, id="items"),
        pytest.param({**GOOD, **UNKNOWN}, id="fields"),
        pytest.param({**UNKNOWN}, id="fields without the good ones"),
        pytest.param({**GOOD, "glossary": [{}] * MANY}, id="entries"),
        pytest.param({**GOOD, "glossary": [UNKNOWN]}, id="fields of an entry"),
        pytest.param({**GOOD, "return": [1] * MANY}, id="parts"),
        pytest.param({**GOOD, "attributes": [1] * MANY}, id="attributes"),
    ],
)
def test_the_errors_of_a_body_are_few(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as failure:
        TranslateRequest.model_validate(body)
    assert failure.value.error_count() <= 5


def test_a_body_of_many_fields_is_refused_for_the_first_unknown_one() -> None:
    with pytest.raises(Exception, match="`targets` is not a field of this request"):
        validated(TranslateRequest, {"targets": 1, **GOOD, **UNKNOWN})


def test_a_field_is_known_by_its_alias() -> None:
    body = {**GOOD, "return": ["scores"], "model": None, "x": 1}
    with pytest.raises(ValidationError) as failure:
        TranslateRequest.model_validate(body)
    assert [error["loc"] for error in failure.value.errors()] == [("x",)]


@pytest.mark.parametrize("body", [None, 7, "text", [{}]])
def test_a_body_that_is_no_object_is_left_to_its_schema(body: object) -> None:
    with pytest.raises(ValidationError):
        DetectRequest.model_validate(body)


def test_a_schema_that_ignores_unknown_fields_still_does() -> None:
    class Lenient(BodySchema):
        q: str

    assert Lenient.model_validate({**UNKNOWN, "q": "a"}).q == "a"
