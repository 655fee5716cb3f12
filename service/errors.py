"""What the API refuses before any model is asked: one class for each thing a client can mend."""

from collections.abc import Sequence

_MAX_LISTED = 12
_MAX_SHOWN_CHARACTERS = 40


class ApiError(Exception):
    """A request the API turns down, with one sentence that says why; never with the text itself."""


class InvalidFieldError(ApiError):
    """A field out of range, of the wrong kind, unknown, or missing."""


class NotOfferedError(ApiError):
    """A field of the contract that this version does not serve yet."""


class UnknownLanguageError(ApiError):
    """A language code that means nothing here."""

    def __init__(self, field: str, code: str, *, served: Sequence[str]) -> None:
        super().__init__(f"`{field}` is {show(code)}; the languages served are {listing(served)}")


class UnsupportedPairError(ApiError):
    """A language pair that no model, or not the one asked for, translates."""

    def __init__(
        self, source: str, target: str, *, served: Sequence[tuple[str, str]], detected: bool
    ) -> None:
        pairs = listing([f"{a}-{b}" for a, b in served])
        how = " (source detected; `source_lang` overrides that)" if detected else ""
        super().__init__(f"no model translates {source}-{target}{how}; the pairs are {pairs}")


class ModelNotFoundError(ApiError):
    """A model name that the catalogue does not hold."""

    def __init__(self, name: str, *, served: Sequence[str]) -> None:
        super().__init__(f"`model` is {show(name)}; the models served are {listing(served)}")


class TaskNotServedError(ApiError):
    """A task that no model of the catalogue is made for."""

    def __init__(self, task: str) -> None:
        super().__init__(f"no model of this service's catalogue offers {task}")


class TextTooLongError(ApiError):
    """The texts of a request hold more characters than one request may."""

    def __init__(self, *, num_characters: int, limit: int) -> None:
        super().__init__(
            f"`text` has {num_characters} characters together; at most {limit} are allowed"
        )


class NotReadyError(ApiError):
    """The service runs, but some model of the catalogue cannot answer yet."""

    def __init__(self) -> None:
        super().__init__("not every model of the catalogue is ready to answer yet")


def show(value: object) -> str:
    """A client's value for an error's sentence: short codes and numbers, never running text."""
    if isinstance(value, str):
        if len(value) > _MAX_SHOWN_CHARACTERS or any(c.isspace() for c in value):
            return f"a text of {len(value)} characters"
        return repr(value) if value.isprintable() else f"a text of {len(value)} characters"
    if isinstance(value, bool | int | float | None):
        number = str(value)
        return number if len(number) <= _MAX_SHOWN_CHARACTERS else "a number of many digits"
    return f"of type {type(value).__name__}"


def listing(values: Sequence[str]) -> str:
    """`a, b, c`; a long list ends in how many more there are."""
    if not values:
        return "none"
    more = len(values) - _MAX_LISTED
    return ", ".join(values[:_MAX_LISTED]) + (f" and {more} more" if more > 0 else "")
