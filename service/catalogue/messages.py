"""What pydantic found wrong with a catalogue, as sentences with the lines of the file."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from service.catalogue.fields import nearest
from service.catalogue.yaml_file import YamlFile

_MAX_SHOWN_CHARACTERS = 60
_KEY = "[key]"  # pydantic's mark of a mapping's key, as against its value
_SENTENCES = {  # where pydantic speaks of Python's types
    "dict_type": "this is no mapping",
    "mapping_type": "this is no mapping",
    "missing": "this is missing",
    "model_type": "this is no mapping",
    "tuple_type": "this is no list",
}

Keys = Mapping[int, type[BaseModel]]  # the model whose fields a location of that length names


def sentences(error: ValidationError, file: YamlFile, *, keys: Keys) -> list[tuple[int, str]]:
    """A line's number and a sentence for each problem, in the file's order."""
    found = [_sentence(details, file, keys) for details in error.errors()]
    return sorted(dict.fromkeys(found), key=lambda line_and_sentence: line_and_sentence[0])


def dotted(location: Sequence[str | int]) -> str:
    """('models', 0, 'dtype') as `models[0].dtype`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")


def sentence(details: ErrorDetails, *, keys: Keys) -> str:
    """What is wrong with a value, and the value; not where it is."""
    kind, value = details["type"], details["input"]
    message = _SENTENCES.get(kind, details["msg"].removeprefix("Value error, "))
    if kind == "extra_forbidden":
        location = _location(details)
        fields = keys[len(location)].model_fields
        message = f"there is no such key{nearest(location[-1], fields)}"
    return f"{message}{_shown(value)}"


def _sentence(details: ErrorDetails, file: YamlFile, keys: Keys) -> tuple[int, str]:
    location = _location(details)
    known = location if details["type"] == "missing" else location[: file.depth(location)]
    where = dotted(known) or "the file"
    return file.line(location), f"{where}: {sentence(details, keys=keys)}"


def _location(details: ErrorDetails) -> list[int | str]:
    return [part for part in details["loc"] if part != _KEY]


def _shown(value: object) -> str:
    """The value where it is a short one; never an alias unfolded."""
    if value is None or not isinstance(value, str | int | float):
        return ""
    text = repr(value)
    if len(text) > _MAX_SHOWN_CHARACTERS:
        text = f"{text[:_MAX_SHOWN_CHARACTERS]} ..."
    return f" (got {text})"
