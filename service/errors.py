"""Errors that are raised before a model is asked: one class for each mistake a client can correct.

An error about a field names it as `service.tasks.records` does; a dialect that calls the field
otherwise passes its own names to `sentence`.
"""

import math
import re
from collections.abc import Mapping, Sequence

_MAX_LISTED = 12
_MAX_SHOWN_CHARACTERS = 40
_NAME = re.compile(r"`(\w+)`")


class ApiError(Exception):
    """A rejected request; the message is one sentence and never contains the request's text.

    `retry_after_s`: whole seconds after which the same request may be answered, where known.
    """

    retry_after_s: int | None = None


class FieldError(ApiError):
    """An error about one field: `about` completes the sentence that begins with its name."""

    def __init__(self, field: str, about: str) -> None:
        super().__init__(f"`{field}` {about}")
        self.field = field
        self.about = about

    def sentence(self, names: Mapping[str, str]) -> str:
        """Return the sentence with each field's name replaced by `names[field]`, if there is one.

        The field `text[1]` has the name of `text`.
        """
        name, bracket, index = self.field.partition("[")
        about = _NAME.sub(lambda found: f"`{names.get(found[1], found[1])}`", self.about)
        return f"`{names.get(name, name)}{bracket}{index}` {about}"


class InvalidFieldError(FieldError):
    """A field out of range, of the wrong kind, unknown, or missing."""


class OwnFieldError(InvalidFieldError):
    """An invalid field by the name that the client gave it, which no dialect renames."""

    def sentence(self, names: Mapping[str, str]) -> str:  # noqa: ARG002 - as of the base
        """Return the sentence as it is."""
        return str(self)


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


class ResourceNotFoundError(ApiError):
    """A part of a client API that this service does not have."""


class GlossaryNotFoundError(FieldError):
    """An id that the client has no glossary of, or a pair that its glossary is not for."""

    def __init__(self, glossary_id: str, pair: tuple[str, str] | None = None) -> None:
        about = f"is {show(glossary_id)}; "
        about += "there is no such glossary" if pair is None else f"it is not for {'-'.join(pair)}"
        super().__init__("glossary", about)


class TaskNotServedError(ApiError):
    """A task that no model of the catalogue offers."""

    def __init__(self, task: str) -> None:
        super().__init__(f"no model of this service's catalogue offers {task}")


class TextTooLongError(FieldError):
    """A request with more characters in a field than the limit.

    `whose`: ends the sentence, if the limit is not everybody's.
    """

    def __init__(
        self, *, num_characters: int, limit: int, field: str = "text", whose: str = ""
    ) -> None:
        super().__init__(
            field, f"has {num_characters} characters together; at most {limit} are allowed{whose}"
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
    """A request without a valid key, to a route that needs one; `has_key`: it had another."""

    def __init__(self, *, has_key: bool) -> None:
        super().__init__("the API key is not valid" if has_key else "an API key is required")
        self.has_key = has_key


class ForbiddenError(ApiError):
    """A request with a valid key that may not do this; one of `scopes` would."""

    def __init__(self, scopes: Sequence[str]) -> None:
        super().__init__(f"this API key lacks the scope {' or '.join(scopes)}")


class RateLimitedError(ApiError):
    """A client that asks more in a minute than it may; `what`: requests or characters."""

    def __init__(self, what: str, limit: int, *, retry_s: float) -> None:
        self.retry_after_s = max(1, math.ceil(retry_s))
        super().__init__(
            f"this API key may send {limit} {what} a minute; try again in {self.retry_after_s} s"
        )


class QuotaExceededError(ApiError):
    """A request with more characters than its client has left of the month."""

    def __init__(self, *, limit: int, num_characters: int) -> None:
        super().__init__(
            f"this API key may send {limit} characters a month, and has less than the "
            f"{num_characters} of this request left"
        )


class StoreError(ApiError):
    """The store of usage, limits and documents cannot be reached, or written.

    `detail` is a sentence for the operator: it names the file or the address, which no client sees.
    """

    def __init__(self, detail: str) -> None:
        super().__init__("what clients use and keep cannot be read or written now; try again")
        self.detail = detail


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
