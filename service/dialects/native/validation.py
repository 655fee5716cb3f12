"""One sentence for a body that does not fit its schema: the field, the value, the limit."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from service.errors import InvalidFieldError, show
from service.tasks.schemas import SummarizeRequest, TranslateRequest

ErrorDetails = Mapping[str, Any]

_KNOWN_FIELDS = sorted(
    {f.alias or n for m in (TranslateRequest, SummarizeRequest) for n, f in m.model_fields.items()}
)
_NEVER_SHOWN = frozenset({"text", "target_prefix", "glossary"})
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


def invalid_body(errors: Sequence[ErrorDetails]) -> InvalidFieldError:
    """The error for the first thing that pydantic found wrong; never with the text itself."""
    error = _most_telling(errors)
    path = tuple(error["loc"])[1:]
    if error["type"] == "json_invalid":
        return InvalidFieldError(f"the body is not valid JSON, at character {path[0]}")
    if not path:
        is_name = error["type"] in _SURROGATE_KINDS
        return InvalidFieldError(f"the name of a field {_SURROGATE}" if is_name else _NO_JSON)
    if path[0] == "text":
        return InvalidFieldError(_about_text(error, path))
    return InvalidFieldError(_about_field(error, path))


def _most_telling(errors: Sequence[ErrorDetails]) -> ErrorDetails:
    """The first error; for a list of texts, the one that names an item."""
    items = [e for e in errors if len(e["loc"]) > 3]  # noqa: PLR2004 - body, text, branch, item
    return (items or errors)[0]


def _about_text(error: ErrorDetails, path: tuple[Any, ...]) -> str:
    name = f"`text[{path[2]}]`" if len(path) > 2 else "`text`"  # noqa: PLR2004
    if error["type"] == "missing":
        return "`text` is required"
    if error["type"] in _SURROGATE_KINDS:
        return f"{name} {_SURROGATE}"
    return f"{name} must be a string" + ("" if len(path) > 2 else " or a list of strings")  # noqa: PLR2004


def _about_field(error: ErrorDetails, path: tuple[Any, ...]) -> str:
    if error["type"] == "extra_forbidden":
        return _unknown_field(path)
    name = f"`{_dotted(path)}`"
    if error["type"] == "missing":
        return f"{name} is required"
    if error["type"] in _SURROGATE_KINDS:
        return f"{name} {_SURROGATE}"
    value = "" if path[0] in _NEVER_SHOWN else f" is {show(error['input'])}; it"
    return f"{name}{value} must {_rule(error)}"


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


def _unknown_field(path: tuple[Any, ...]) -> str:
    """A name of the client's making is repeated only if it looks like a name."""
    name = str(path[-1])
    if not name.isidentifier() or len(name) > _MAX_NAME_CHARACTERS:
        return "the body has a field that is not one of this request's"
    close = get_close_matches(name, _KNOWN_FIELDS, n=1)
    return f"`{name}` is not a field of this request" + (
        f"; did you mean `{close[0]}`?" if close else ""
    )
