"""Errors that are raised before a model is asked: one class for each mistake a client can correct.

An error about a field names it as `service.tasks.records` does; a dialect that calls the field
otherwise passes its own names to `sentence`.
"""

import math
from collections.abc import Mapping, Sequence

_MAX_LISTED = 12
_MAX_SHOWN_CHARACTERS = 40


class ApiError(Exception):
    """A rejected request; the message is one sentence and never contains the request's text."""


class FieldError(ApiError):
    """An error about one field: `about` completes the sentence that begins with its name."""

    def __init__(self, field: str, about: str) -> None:
        super().__init__(f"`{field}` {about}")
        self.field = field
        self.about = about

    def sentence(self, names: Mapping[str, str]) -> str:
        """Return the sentence with the field's name replaced by `names[field]`, if there is one.

        The field `text[1]` has the name of `text`.
        """
        name, bracket, index = self.field.partition("[")
        return f"`{names.get(name, name)}{bracket}{index}` {self.about}"


class InvalidFieldError(FieldError):
    """A field out of range, of the wrong kind, unknown, or missing."""


class InvalidBodyError(ApiError):
    """A body that is not the JSON object, or the form, that the route takes."""


class NotOfferedError(ApiError):
    """A field of the API's contract that this version does not support yet."""


class UnknownLanguageError(FieldError):
    """A language code that no served model knows."""

    def __init__(self, field: str, code: str, *, served: Sequence[str]) -> None:
        super().__init__(field, f"is {show(code)}; the languages served are {listing(served)}")


class LanguageNotServedError(FieldError):
    """A text that is detected to be in a language that no model knows.

    `language` and `served` are names of languages.
    """

    def __init__(self, item: str, language: str, *, served: Sequence[str]) -> None:
        super().__init__(
            item,
            f"is detected to be in {language}, which is not served; the languages served are "
            f"{listing(served)}; `source_lang` overrides the detection",
        )


class UnsupportedPairError(ApiError):
    """A language pair that no model translates, or not the requested one."""

    def __init__(
        self, source: str, target: str, *, sources: Sequence[str], targets: Sequence[str]
    ) -> None:
        super().__init__(
            f"no model translates {source}-{target}; "
            f"{source} is translated to {listing(targets)}, and {listing(sources)} to {target}"
        )


class DetectedPairError(FieldError):
    """A text that is detected to be in a language that is not translated to the target."""

    def __init__(self, item: str, language: str, pair: UnsupportedPairError) -> None:
        super().__init__(
            item,
            f"is detected to be in {language}, and {pair}; `source_lang` overrides the detection",
        )


class ModelNotFoundError(FieldError):
    """A model name that is not served."""

    def __init__(self, name: str, *, served: Sequence[str]) -> None:
        super().__init__("model", f"is {show(name)}; the models served are {listing(served)}")


class TaskNotServedError(ApiError):
    """A task that no model of the catalogue offers."""

    def __init__(self, task: str) -> None:
        super().__init__(f"no model of this service's catalogue offers {task}")


class TextTooLongError(FieldError):
    """A request with more characters in a field than the limit."""

    def __init__(self, *, num_characters: int, limit: int, field: str = "text") -> None:
        super().__init__(
            field, f"has {num_characters} characters together; at most {limit} are allowed"
        )


class NotReadyError(ApiError):
    """A service of which a model cannot answer yet."""

    def __init__(self) -> None:
        super().__init__("not every model of the catalogue is ready to answer yet")


class ModelNotLoadedError(ApiError):
    """A lazy model whose load failed; `retry_after_s` is the time to the next attempt."""

    def __init__(self, name: str, *, retry_s: float) -> None:
        self.retry_after_s = max(1, math.ceil(retry_s))
        super().__init__(
            f"the model {show(name)} could not be loaded; "
            f"a request in {self.retry_after_s} s or later tries it again"
        )


class UnauthorizedError(ApiError):
    """A request without the right key, to a route that needs one."""

    def __init__(self) -> None:
        super().__init__("the header `Authorization: Bearer KEY` must hold the admin key")


class ChangeConflictError(ApiError):
    """A change of the served models that conflicts with their present state."""


class ChangeFailedError(ApiError):
    """A change of the served models that failed, and was undone."""


class FleetLostError(ApiError):
    """A fleet (`service.catalogue.fleet`) that cannot be reached."""

    def __init__(self) -> None:
        super().__init__("the replicas cannot be told of changes at the moment; try again")


def show(value: object) -> str:
    """Return a client's value for an error message: short codes and numbers, never a text."""
    if isinstance(value, str):
        if len(value) > _MAX_SHOWN_CHARACTERS or any(c.isspace() for c in value):
            return f"a text of {len(value)} characters"
        return repr(value) if value.isprintable() else f"a text of {len(value)} characters"
    if isinstance(value, bool | int | float | None):
        number = str(value)
        return number if len(number) <= _MAX_SHOWN_CHARACTERS else "a number of many digits"
    return f"of type {type(value).__name__}"


def listing(values: Sequence[str]) -> str:
    """Return `a, b, c`; a list of more than 12 values ends in the number of the others."""
    if not values:
        return "none"
    more = len(values) - _MAX_LISTED
    return ", ".join(values[:_MAX_LISTED]) + (f" and {more} more" if more > 0 else "")
