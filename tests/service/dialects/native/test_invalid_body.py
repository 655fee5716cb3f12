"""A body that does not fit its schema gets one sentence: the field, the value, the limit."""

from typing import Any

import pytest
from pydantic import ValidationError

from service.dialects.native.invalid_body import invalid_body
from service.dialects.native.schemas import TranslateRequest

GOOD = {"text": "Hello", "target_lang": "de"}


def sentence(body: object) -> str:
    with pytest.raises(ValidationError) as failure:
        TranslateRequest.model_validate(body)
    errors = [{**error, "loc": ("body", *error["loc"])} for error in failure.value.errors()]
    return str(invalid_body("/v1/translate", errors))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"num_beams": 9}, "`num_beams` is 9; it must be at most 8", id="too large"),
        pytest.param({"num_beams": 0}, "`num_beams` is 0; it must be at least 1", id="too small"),
        pytest.param(
            {"num_beams": "4"}, "`num_beams` is '4'; it must be a whole number", id="quoted"
        ),
        pytest.param({"top_p": 0.0}, "`top_p` is 0.0; it must be more than 0.0", id="exclusive"),
        pytest.param(
            {"split": "words"},
            "`split` is 'words'; it must be 'sentences', 'nonewlines', 'newlines' or 'none'",
            id="choice",
        ),
        pytest.param(
            {"target_lang": "x" * 99},
            "`target_lang` is a text of 99 characters; it must have at most 35 characters",
            id="long code",
        ),
        pytest.param(
            {"temperature": float("nan")},
            "`temperature` is nan; it must be a finite number",
            id="nan",
        ),
        pytest.param(
            {"num_beam": 4},
            "`num_beam` is not a field of this request; did you mean `num_beams`?",
            id="misspelt",
        ),
        pytest.param(
            {"Dear Sir": 4}, "the body has a field that is not one of this request's", id="no name"
        ),
        pytest.param({"text": 5}, "`text` must be a string or a list of strings", id="text"),
        pytest.param({"text": ["a", 5]}, "`text[1]` must be a string", id="item"),
        pytest.param(
            {"text": "\ud800"},
            "`text` holds half of a surrogate pair, which is no character",
            id="surrogate",
        ),
        pytest.param(
            {"model": "\ud800"},
            "`model` holds half of a surrogate pair, which is no character",
            id="surrogate elsewhere",
        ),
        pytest.param(
            {"\ud800": 1},
            "the name of a field holds half of a surrogate pair, which is no character",
            id="surrogate as a name",
        ),
        pytest.param(
            {"return": ["scores", "x"]},
            "`return[1]` is 'x'; it must be 'scores', 'confidence', 'alignment', 'segments' or "
            "'alternatives'",
            id="list",
        ),
        pytest.param(
            {"glossary": 5},
            "`glossary` must be a list of entries, or the name of a glossary",
            id="glossary",
        ),
        pytest.param(
            {"glossary": [{"source": "a", "target": "b"}, {"source": "c"}]},
            "`glossary[1].target` is required",
            id="entry",
        ),
        pytest.param(
            {"glossary": [{"source": "a", "target": "b", "mode": "must"}]},
            "`glossary[0].mode` must be 'enforce' or 'prefer'",
            id="mode",
        ),
        pytest.param(
            {"glossary": [{"source": "a", "target": "b"}] * 1_001},
            "`glossary` must have at most 1000 entries",
            id="entries",
        ),
        pytest.param({"stream": 1}, "`stream` is 1; it must be true or false", id="flag"),
    ],
)
def test_a_bad_field_is_named_with_its_value_and_limit(
    change: dict[str, Any], expected: str
) -> None:
    assert sentence({**GOOD, **change}) == expected


@pytest.mark.parametrize("missing", ["text", "target_lang"])
def test_a_missing_field_is_named(missing: str) -> None:
    assert sentence({k: v for k, v in GOOD.items() if k != missing}) == f"`{missing}` is required"


@pytest.mark.parametrize("body", [[], "secret", 7, None])
def test_a_body_that_is_no_object_is_told_what_it_should_be(body: object) -> None:
    assert sentence(body).startswith("the body must be one JSON object")


@pytest.mark.parametrize(
    "fields",
    [
        {"target_prefix": 4711},
        {"target_prefix": "4711" * 1_000},
        {"text": 4711},
        {"text": ["a", 4711]},
        {"glossary": 4711},
        {"glossary": [{"source": 4711, "target": "a"}]},
    ],
    ids=str,
)
def test_texts_and_forced_prefixes_are_never_repeated(fields: dict[str, object]) -> None:
    assert "4711" not in sentence({**GOOD, **fields})


def test_the_fields_of_the_route_are_suggested_and_no_others() -> None:
    error = {"type": "extra_forbidden", "loc": ("body", "target_lan"), "input": 1, "msg": ""}
    assert "did you mean `target_lang`" in str(invalid_body("/v1/translate", [error]))
    assert "did you mean" not in str(invalid_body("/v1/detect", [error]))


def test_the_place_where_json_breaks_is_named() -> None:
    error = {"type": "json_invalid", "loc": ("body", 17), "input": {}, "msg": ""}
    assert (
        str(invalid_body("/v1/translate", [error])) == "the body is not valid JSON, at character 17"
    )
