"""Types of the values in a catalogue, each with its validation."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from model.engine.params import GenerationParams
from model.errors import InvalidParamsError
from service.backend import TaskName
from service.pairs import Pair

_CODE = r"[A-Za-z]{2,3}(?:_[A-Za-z0-9]{2,8})*"
_PAIR = re.compile(rf"({_CODE})-({_CODE})")
_PLACEHOLDER = re.compile(r"\{(source|target)\}")
_PARAMS = TypeAdapter(GenerationParams)
_PER_REQUEST = {"target_prefix_ids", "return_scores", "num_return", "seed"}


class Violation(NamedTuple):
    """A broken rule of a catalogue.

    Attributes:
        location: Keys and indices from the validated object down to the value.
        sentence: The rule.
        value: The value, to be shown; None to show none.
    """

    location: tuple[str | int, ...]
    sentence: str
    value: object = None


def nearest(name: object, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` to end a sentence with; empty if no known name is similar."""
    similar = difflib.get_close_matches(str(name), list(known), n=1)
    return f"; did you mean {similar[0]!r}?" if similar else ""


def validation_error(*violations: Violation) -> ValidationError:
    """Return an error for a validator to raise, with a line for each violation."""
    return ValidationError.from_exception_data(
        "catalogue",
        [
            InitErrorDetails(
                type=PydanticCustomError("catalogue", "{sentence}", {"sentence": each.sentence}),
                loc=each.location,
                input=each.value,
            )
            for each in violations
        ],
    )


def or_say(sentence: str) -> WrapValidator:
    """Return a validator with this error message; pydantic's names every member of a union."""

    def check(value: object, handler: ValidatorFunctionWrapHandler) -> object:
        try:
            return handler(value)
        except ValidationError:
            raise ValueError(sentence) from None

    return WrapValidator(check)


def parse_pair(name: str) -> Pair | None:
    """Return `en-de` as (`en`, `de`); None if it is not a pair."""
    match = _PAIR.fullmatch(name)
    return None if match is None else (match[1], match[2])


def _split_pair(value: object) -> object:
    """Return a text as a pair; anything else unchanged, for pydantic to check."""
    if not isinstance(value, str):
        return value
    pair = parse_pair(value)
    if pair is None or pair[0] == pair[1]:
        raise ValueError("a pair is written source-target, two languages such as en-de")
    return pair


def _check_stand_ins(names: tuple[str, ...]) -> tuple[str, ...]:
    """Reject a name inside another: X1 would be found in X12."""
    for at, name in enumerate(names):
        other = next((o for o in (*names[:at], *names[at + 1 :]) if name in o), None)
        if other is not None:
            raise ValueError(f"each stand-in must be in no other, but {name!r} is in {other!r}")
    return names


def _check_prefix(text: str) -> str:
    if set(_PLACEHOLDER.sub("", text)) & set("{}"):
        raise ValueError("a prefix has no braces but {source} and {target}")
    return text


def placeholders(prefix: str) -> set[str]:
    """Return which of `source` and `target` the prefix names."""
    return set(_PLACEHOLDER.findall(prefix))


def filled(prefix: str, names: Mapping[str, str]) -> str:
    """Return the prefix with the names of `source` and `target` filled in."""
    return _PLACEHOLDER.sub(lambda found: names[found[1]], prefix)


def _check_defaults(defaults: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return fields of `GenerationParams`, converted and checked as by that class."""
    allowed = GenerationParams.__dataclass_fields__.keys() - _PER_REQUEST
    known = f"known: {', '.join(sorted(allowed))}"
    unknown = [
        Violation(
            (name,),
            f"there is no such generation parameter{nearest(name, allowed)} ({known})",
            value,
        )
        for name, value in defaults.items()
        if name not in allowed
    ]
    if unknown:
        raise validation_error(*unknown)
    try:
        params = _PARAMS.validate_python(dict(defaults))
    except InvalidParamsError as error:
        sentence, value = str(error).partition(": ")[2], defaults.get(error.field)
        raise validation_error(Violation((error.field,), sentence, value)) from error
    return {name: getattr(params, name) for name in defaults}


Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(?:[_-][A-Za-z0-9]{2,8})*$")]
ListedPair = Annotated[tuple[str, str], BeforeValidator(_split_pair)]
PairName = Annotated[str, StringConstraints(pattern=rf"^{_CODE}-{_CODE}$")]
DefaultKey = Annotated[
    TaskName | PairName,
    or_say("a default is for translation, for summarization, or for a pair such as en-de"),
]
Languages = Annotated[
    Literal["all"] | Annotated[tuple[Code, ...], Field(min_length=2)],
    or_say("languages are `all`, or a list of at least two codes such as en or zh_Hans"),
]
WarmUp = Annotated[
    Annotated[bool, Field(strict=True)]
    | Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)],
    or_say("warm_up is true, false, or a list of sentences"),
]
StandIns = Annotated[
    tuple[Annotated[str, StringConstraints(pattern=r"^[!-~]{1,20}$", strict=True)], ...],
    Field(max_length=32),
    AfterValidator(_check_stand_ins),
]
PrefixText = Annotated[str, Field(strict=True), AfterValidator(_check_prefix)]
Count = Annotated[int, Field(strict=True, gt=0)]
Name = Annotated[
    str,
    StringConstraints(pattern=r"^\w[\w.-]*(?:/\w[\w.-]*)*$", max_length=200, strict=True),
    or_say("a name has up to 200 letters, digits and _ . - with / between its parts"),
]
Device = Annotated[
    str,
    StringConstraints(pattern=r"^(?:auto|cpu|cuda(?::\d+)?)$"),
    or_say("a device is auto, cpu, cuda, or one GPU of several, such as cuda:1"),
]
_Index = Annotated[int, Field(strict=True, ge=0)]
AlignmentHeads = Annotated[
    Annotated[tuple[tuple[_Index, _Index], ...], Field(min_length=1)],
    or_say("alignment heads are a list of [layer, head], both counted from 0"),
]
Sha256 = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-fA-F]{64}$", to_lower=True),
    or_say("a SHA-256 has 64 hexadecimal digits"),
]
FileName = Annotated[
    str,
    StringConstraints(pattern=r"^[\w-][\w.-]*(?:/[\w-][\w.-]*)*$"),
    or_say("this names no file inside the model's folder"),
]
Defaults = Annotated[Mapping[str, Any], AfterValidator(_check_defaults)]
PlainPairs = PlainSerializer(list, return_type=list[Pair])
