"""Turn pydantic's errors of a catalogue into sentences with the file's line numbers."""

from collections.abc import Callable, Sequence

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from service.catalogue.fields import nearest
from service.yaml_file import YamlFile

_MAX_SHOWN_CHARACTERS = 60
_KEY = "[key]"  # pydantic's mark of a mapping's key, as against its value
_SENTENCES = {  # in place of pydantic's, which name Python's types
    "dict_type": "this is no mapping",
    "mapping_type": "this is no mapping",
    "missing": "this is missing",
    "model_type": "this is no mapping",
    "tuple_type": "this is no list",
}

# For a location: the pydantic model whose fields its last part names.
SchemaAt = Callable[[Sequence[str | int]], type[BaseModel]]


def sentences(
    error: ValidationError, file: YamlFile, *, schema_at: SchemaAt
) -> list[tuple[int, str]]:
    """Return (line number, sentence) of each mistake, in the file's order."""
    found = [_sentence(details, file, schema_at) for details in error.errors()]
    return sorted(dict.fromkeys(found), key=lambda line_and_sentence: line_and_sentence[0])


def dotted(location: Sequence[str | int]) -> str:
    """Return a location in one string: ('models', 0, 'dtype') is `models[0].dtype`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")


def sentence(details: ErrorDetails, *, schema_at: SchemaAt) -> str:
    """Return the mistake and the value, without the location."""
    kind, value = details["type"], details["input"]
    message = _SENTENCES.get(kind, details["msg"].removeprefix("Value error, "))
    if kind == "extra_forbidden":
        location = _location(details)
        fields = schema_at(location).model_fields
        message = f"there is no such key{nearest(location[-1], fields)}"
    return f"{message}{shown(value)}"


def _sentence(details: ErrorDetails, file: YamlFile, schema_at: SchemaAt) -> tuple[int, str]:
    location = _location(details)
    known = location if details["type"] == "missing" else location[: file.depth(location)]
    where = dotted(known) or "the file"
    return file.line(location), f"{where}: {sentence(details, schema_at=schema_at)}"


def _location(details: ErrorDetails) -> list[int | str]:
    return [part for part in details["loc"] if part != _KEY]


def shown(value: object) -> str:
    """Return a scalar value in parentheses, shortened; nothing for a list or mapping."""
    if value is None or not isinstance(value, str | int | float):
        return ""
    text = repr(value)
    if len(text) > _MAX_SHOWN_CHARACTERS:
        text = f"{text[:_MAX_SHOWN_CHARACTERS]} ..."
    return f" (got {text})"
