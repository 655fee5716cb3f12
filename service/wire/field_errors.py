"""Say in one sentence why a field does not fit its schema: the field, the value, the limit."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from service.errors import ApiError, InvalidBodyError, OwnFieldError, show

ErrorDetails = Mapping[str, Any]  # one of pydantic's `ValidationError.errors()`
SchemaT = TypeVar("SchemaT", bound=BaseModel)

SURROGATE = "holds half of a surrogate pair, which is no character"
SURROGATE_KINDS = frozenset({"surrogate", "string_unicode"})  # ours, and pydantic's
_MAX_NAME_CHARACTERS = 40
_NO_VALUES: AbstractSet[str] = frozenset()

_KINDS = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "finite_number": "a finite number",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "dict_type": "an object",
}

_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}

_LENGTHS = {
    "string_too_short": ("min_length", "at least", "characters"),
    "string_too_long": ("max_length", "at most", "characters"),
    "too_short": ("min_length", "at least", "entries"),
    "too_long": ("max_length", "at most", "entries"),
}


def validated(
    schema: type[SchemaT], fields: Mapping[str, Any], *, secret: AbstractSet[str] = _NO_VALUES
) -> SchemaT:
    """Return the fields of a body as an object of `schema`; values of `secret` are never shown.

    Raises:
        OwnFieldError: A field does not fit the schema.
    """
    try:
        return schema.model_validate(fields)
    except ValidationError as failure:
        error = failure.errors(include_url=False)[0]
        location = tuple(error["loc"])
        if error["type"] == "extra_forbidden":
            raise unknown_field(str(location[-1]), field_names(schema)) from None
        raise OwnFieldError(dotted(location), about_field(error, secret=secret)) from None


def field_names(schema: type[BaseModel]) -> list[str]:
    """Return the names of a schema's fields as clients write them, sorted."""
    return sorted(field.alias or name for name, field in schema.model_fields.items())


def about_field(error: ErrorDetails, *, secret: AbstractSet[str] = _NO_VALUES) -> str:
    """Return the end of the sentence that begins with the field's name.

    `secret`: names of the fields whose values are not shown.
    """
    if error["type"] == "missing":
        return "is required"
    if error["type"] in SURROGATE_KINDS:
        return SURROGATE
    is_secret = not secret.isdisjoint(map(str, error["loc"]))
    value = "" if is_secret else f"is {show(error['input'])}; it "
    return f"{value}must {_rule(error)}"


def dotted(location: Sequence[Any]) -> str:
    """Return a location as a client would write it: `glossary[0].source`."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in location).lstrip(".")


def unknown_field(name: str, known: Sequence[str]) -> ApiError:
    """Return the error for an unknown field; its name is repeated only if it looks like a name."""
    if not name.isidentifier() or len(name) > _MAX_NAME_CHARACTERS:
        return InvalidBodyError("the body has a field that is not one of this request's")
    close = get_close_matches(name, known, n=1)
    return OwnFieldError(
        name, "is not a field of this request" + (f"; did you mean `{close[0]}`?" if close else "")
    )


def _rule(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return f"be {words} {context[key]}"
    if kind in _LENGTHS:
        key, words, unit = _LENGTHS[kind]
        return f"have {words} {context[key]} {unit}"
    if kind == "literal_error":
        return f"be {context['expected']}"
    return f"be {_KINDS.get(kind, 'of another kind')}"
