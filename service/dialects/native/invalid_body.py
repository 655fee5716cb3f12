"""Say in one sentence why a body does not fit its schema: the field, the value, the limit."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel

from service.dialects.dialect import ErrorDetails
from service.dialects.native.schemas import (
    DetectRequest,
    ScoreRequest,
    SummarizeRequest,
    TranslateRequest,
)
from service.errors import ApiError, InvalidBodyError, InvalidFieldError, show

_SCHEMAS: Mapping[str, type[BaseModel]] = {
    "/v1/translate": TranslateRequest,
    "/v1/summarize": SummarizeRequest,
    "/v1/detect": DetectRequest,
    "/v1/score": ScoreRequest,
}
_FIELDS_OF = {
    path: sorted(field.alias or name for name, field in schema.model_fields.items())
    for path, schema in _SCHEMAS.items()
}
_NEVER_SHOWN = frozenset({"text", "output", "target_prefix", "glossary"})
_MAX_NAME_CHARACTERS = 40
_NO_JSON = "the body must be one JSON object, sent with content-type: application/json"

_SURROGATE = "holds half of a surrogate pair, which is no character"
_SURROGATE_KINDS = frozenset({"surrogate", "string_unicode"})  # ours, and pydantic's

_KINDS = {
    "string_type": "a string",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
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


def invalid_body(path: str, errors: Sequence[ErrorDetails]) -> ApiError:
    """Return the error for the first thing that pydantic found wrong; never with the text itself.

    `path` is the route's; its fields are suggested for a misspelt one.
    """
    error = _most_telling(errors)
    location = _in_body(error["loc"])
    if error["type"] == "json_invalid":
        return InvalidBodyError(f"the body is not valid JSON, at character {location[0]}")
    if not location:
        is_name = error["type"] in _SURROGATE_KINDS
        return InvalidBodyError(f"the name of a field {_SURROGATE}" if is_name else _NO_JSON)
    if location[0] == "text":
        return _about_text(error)
    if error["type"] == "extra_forbidden":
        return _unknown_field(str(location[-1]), _FIELDS_OF.get(path, []))
    return InvalidFieldError(_dotted(location), _about_field(error, location))


def _in_body(location: Sequence[Any]) -> tuple[Any, ...]:
    """Return a location without "body", and without the tag of a glossary's two kinds."""
    match tuple(location):
        case ("body", "glossary", str(), *rest):
            return ("glossary", *rest)
        case (_, *rest):
            return tuple(rest)
        case _:
            return ()


def _most_telling(errors: Sequence[ErrorDetails]) -> ErrorDetails:
    """Return the first error; for a list of texts, the one that names an item.

    `text` is a string or a list, so a list with a wrong item has an error for each of the two.
    """
    items = [each for each in errors if _item_of(each["loc"]) is not None]
    return (items or errors)[0]


def _item_of(location: Sequence[Any]) -> int | None:
    """Return the index in ("body", "text", "list[...]", index), or None for any other location."""
    match location:
        case ("body", "text", _, int(index)):
            return index
        case _:
            return None


def _about_text(error: ErrorDetails) -> InvalidFieldError:
    index = _item_of(error["loc"])
    name = "text" if index is None else f"text[{index}]"
    if error["type"] == "missing":
        return InvalidFieldError("text", "is required")
    if error["type"] in _SURROGATE_KINDS:
        return InvalidFieldError(name, _SURROGATE)
    return InvalidFieldError(
        name, "must be a string" + (" or a list of strings" if index is None else "")
    )


def _about_field(error: ErrorDetails, location: tuple[Any, ...]) -> str:
    if error["type"] == "missing":
        return "is required"
    if error["type"] in _SURROGATE_KINDS:
        return _SURROGATE
    if location == ("glossary",) and error["type"] == "list_type":
        return "must be a list of entries, or the name of a glossary"
    value = "" if location[0] in _NEVER_SHOWN else f"is {show(error['input'])}; it "
    return f"{value}must {_rule(error)}"


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


def _dotted(path: tuple[Any, ...]) -> str:
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")


def _unknown_field(name: str, known: Sequence[str]) -> ApiError:
    """Return the error for an unknown field; its name is repeated only if it looks like a name."""
    if not name.isidentifier() or len(name) > _MAX_NAME_CHARACTERS:
        return InvalidBodyError("the body has a field that is not one of this request's")
    close = get_close_matches(name, known, n=1)
    return InvalidFieldError(
        name, "is not a field of this request" + (f"; did you mean `{close[0]}`?" if close else "")
    )
