"""Bodies and queries that handlers read by themselves are described in the OpenAPI document."""

import json

from pydantic import BaseModel, Field

from service.wire.openapi import FORM, JSON, body_of, inlined, query_of


class Inner(BaseModel):
    number: int


class Outer(BaseModel):
    one: Inner
    many: list[Inner] = Field(default=[], description="Some more.")


class Other(BaseModel):
    text: str


def test_a_schema_has_no_references() -> None:
    found = inlined(Outer)
    assert "$" not in json.dumps(found)
    assert found["properties"]["one"]["properties"] == {
        "number": {"title": "Number", "type": "integer"}
    }
    assert found["properties"]["many"]["items"] == found["properties"]["one"]
    assert found["properties"]["many"]["description"] == "Some more."


def test_a_body_may_have_several_encodings_or_several_shapes() -> None:
    body = body_of(Outer, kinds=(JSON, FORM))["requestBody"]
    assert body["required"]
    assert body["content"] == {JSON: {"schema": inlined(Outer)}, FORM: {"schema": inlined(Outer)}}
    several = body_of(Outer, Other)["requestBody"]["content"]
    assert several == {JSON: {"schema": {"anyOf": [inlined(Outer), inlined(Other)]}}}


def test_each_field_of_a_query_is_a_parameter() -> None:
    one, many = query_of(Outer)["parameters"]
    assert (one["name"], one["in"], one["required"]) == ("one", "query", True)
    assert (many["name"], many["required"], many["schema"]["type"]) == ("many", False, "array")
