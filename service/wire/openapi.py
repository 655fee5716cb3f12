"""Describe in the OpenAPI document what a handler reads by itself from a request."""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from typing import Any

from pydantic import BaseModel

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

_DEFINITION = "#/$defs/"


def body_of(
    *schemas: type[BaseModel], kinds: tuple[str, ...] = (JSON,), required: bool = True
) -> dict[str, Any]:
    """Return the `openapi_extra` of a route whose body fits one of the schemas."""
    found = [inlined(schema) for schema in schemas]
    schema = found[0] if len(found) == 1 else {"anyOf": found}
    content = {kind: {"schema": schema} for kind in kinds}
    return {"requestBody": {"required": required, "content": content}}


def query_of(schema: type[BaseModel]) -> dict[str, Any]:
    """Return the `openapi_extra` of a route that reads the fields of a schema from the query."""
    found = inlined(schema)
    required = found.get("required", [])
    return {
        "parameters": [
            {"name": name, "in": "query", "required": name in required, "schema": each}
            for name, each in found["properties"].items()
        ]
    }


def inlined(schema: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of a class that does not hold itself, without references."""
    return deepcopy(_inlined(schema))


@cache
def _inlined(schema: type[BaseModel]) -> dict[str, Any]:
    whole = schema.model_json_schema()
    definitions: Mapping[str, Any] = whole.pop("$defs", {})

    def resolved(part: Any) -> Any:
        if isinstance(part, list):
            return [resolved(each) for each in part]
        if not isinstance(part, dict):
            return part
        others = {name: resolved(each) for name, each in part.items() if name != "$ref"}
        if "$ref" not in part:
            return others
        return {**resolved(definitions[part["$ref"].removeprefix(_DEFINITION)]), **others}

    found: dict[str, Any] = resolved(whole)
    return found
