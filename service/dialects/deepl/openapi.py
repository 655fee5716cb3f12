"""Describe bodies that are JSON or a form, for the documentation of routes that read them."""

from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]


def body_of(schema: type[BaseModel], *, required: bool) -> Schema:
    """Return the entry `requestBody` of a route's documentation, for `openapi_extra`."""
    as_json = schema.model_json_schema()
    return {
        "requestBody": {
            "required": required,
            "content": {
                "application/json": {"schema": as_json},
                "application/x-www-form-urlencoded": {"schema": _as_form(as_json)},
            },
        }
    }


def _as_form(schema: Schema) -> Schema:
    """Return the schema of an object without what a form cannot write: null, numbers, booleans."""
    fields = {name: _writable(field) for name, field in schema["properties"].items()}
    return {**schema, "properties": {name: field for name, field in fields.items() if field}}


def _writable(field: Schema) -> Schema | None:
    if field.get("type") == "null":
        return None
    kept = {key: value for key, value in field.items() if key not in {"default", "anyOf", "enum"}}
    if "enum" in field:
        kept["enum"] = [value for value in field["enum"] if isinstance(value, str)]
    if "anyOf" in field:
        kept["anyOf"] = [found for found in map(_writable, field["anyOf"]) if found]
    return kept
