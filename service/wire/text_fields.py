"""A field of a body that holds one text or a list of them."""

from pydantic import BeforeValidator, WithJsonSchema

from service.errors import OwnFieldError

ONE_OR_MANY = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string"},
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
        ]
    }
)


def listed(name: str) -> BeforeValidator:
    """Return what makes a list of one text, before a field of that name is validated as a list."""

    def as_list(value: object) -> object:
        if not isinstance(value, str | list):
            raise OwnFieldError(name, "must be a string or a list of strings")
        return [value] if isinstance(value, str) else value

    return BeforeValidator(as_list)
