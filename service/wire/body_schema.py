"""The base of every body's schema: a body with many mistakes has few errors.

pydantic makes an object of each mistake, on the event loop: half a million of them take seconds.
Lists of a schema have `Field(fail_fast=True)` for the same reason.
"""

from typing import Any

from pydantic import BaseModel, model_validator


class BodySchema(BaseModel):
    """A body, or an object in it, whose fields have one name each."""

    @model_validator(mode="before")
    @classmethod
    def _keep_one_unknown_field(cls, body: Any) -> Any:
        """Return the body without its unknown fields, but for one, which the error will name."""
        if not isinstance(body, dict) or len(body) <= len(cls.model_fields):
            return body
        known = {field.alias or name for name, field in cls.model_fields.items()}
        unknown = next((name for name in body if name not in known), None)
        return {name: value for name, value in body.items() if name in known or name == unknown}
