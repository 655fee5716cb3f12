"""Say in one sentence why a body does not fit its schema: the field, the value, the limit."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from service.dialects.native.schemas import (
    DetectRequest,
    ScoreRequest,
    SummarizeRequest,
    TranslateRequest,
)
from service.errors import ApiError, InvalidBodyError, InvalidFieldError
from service.wire.field_errors import (
    SURROGATE,
    SURROGATE_KINDS,
    ErrorDetails,
    about_field,
    dotted,
    field_names,
    unknown_field,
)

_SCHEMAS: Mapping[str, type[BaseModel]] = {
    "/v1/translate": TranslateRequest,
    "/v1/summarize": SummarizeRequest,
    "/v1/detect": DetectRequest,
    "/v1/score": ScoreRequest,
}
_FIELDS_OF = {path: field_names(schema) for path, schema in _SCHEMAS.items()}
_NEVER_SHOWN = frozenset({"text", "output", "target_prefix", "glossary"})
_NO_JSON = "the body must be one JSON object, sent with content-type: application/json"


def invalid_body(path: str, errors: Sequence[ErrorDetails]) -> ApiError:
    """Return the error for the first thing that pydantic found wrong; never with the text itself.

    `path` is the route's; its fields are suggested for a misspelt one.
    """
    error = _most_telling(errors)
    location = _in_body(error["loc"])
    if error["type"] == "json_invalid":
        return InvalidBodyError(f"the body is not valid JSON, at character {location[0]}")
    if not location:
        is_name = error["type"] in SURROGATE_KINDS
        return InvalidBodyError(f"the name of a field {SURROGATE}" if is_name else _NO_JSON)
    if location[0] == "text":
        return _about_text(error)
    if error["type"] == "extra_forbidden":
        return unknown_field(str(location[-1]), _FIELDS_OF.get(path, []))
    return InvalidFieldError(dotted(location), _about_field(error, location))


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
    if error["type"] in SURROGATE_KINDS:
        return InvalidFieldError(name, SURROGATE)
    return InvalidFieldError(
        name, "must be a string" + (" or a list of strings" if index is None else "")
    )


def _about_field(error: ErrorDetails, location: tuple[Any, ...]) -> str:
    if location == ("glossary",) and error["type"] == "list_type":
        return "must be a list of entries, or the name of a glossary"
    return about_field(error, secret=_NEVER_SHOWN)
