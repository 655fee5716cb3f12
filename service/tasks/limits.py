"""Checks of a request against the operator's settings and the model's limits."""

from functools import lru_cache

from model.engine.params import GenerationParams
from model.request_params import merge_params
from service.backend import ModelInfo, ParamOverrides
from service.deadline import Deadline
from service.errors import InvalidFieldError, TextTooLongError, show
from service.settings import Settings


def deadline_of(timeout_ms: int | None, settings: Settings) -> Deadline:
    """Return the deadline of a request that arrives now; None takes the default timeout.

    Raises:
        InvalidFieldError: the timeout is longer than an operator allows.
    """
    chosen_ms = timeout_ms or settings.default_timeout_ms
    if chosen_ms > settings.max_timeout_ms:
        raise InvalidFieldError(
            "timeout_ms", f"is {show(chosen_ms)}; it must be at most {settings.max_timeout_ms}"
        )
    return Deadline.after(chosen_ms)


def check_texts(texts: tuple[str, ...], settings: Settings) -> None:
    """Check the number of texts and of their characters together.

    Raises:
        InvalidFieldError: no text at all, too many, or one that no encoding can write.
        TextTooLongError: too many characters.
    """
    if not 1 <= len(texts) <= settings.max_items:
        raise InvalidFieldError(
            "text", f"has {len(texts)} entries; it must have 1 to {settings.max_items}"
        )
    if not all(map(_is_encodable, texts)):
        raise InvalidFieldError("text", "holds half of a surrogate pair, which is no character")
    num_characters = sum(map(len, texts))
    if num_characters > settings.max_text_characters:
        raise TextTooLongError(num_characters=num_characters, limit=settings.max_text_characters)


def params_for(model: ModelInfo, overrides: ParamOverrides) -> GenerationParams:
    """Return the parameters that the model will use, as far as they decide how text is sent.

    Raises:
        InvalidParamsError: two parameters exclude each other.
        InvalidFieldError: more tokens than the model writes.
    """
    params = _params(model.default_num_beams, overrides)
    asked = overrides.max_new_tokens
    if asked is not None and asked > model.max_new_tokens:
        raise InvalidFieldError(
            "max_new_tokens",
            f"is {show(asked)}; {model.name} writes at most {model.max_new_tokens}",
        )
    return params


@lru_cache(maxsize=256)  # most requests set nothing, and to check every parameter takes time
def _params(num_beams: int, overrides: ParamOverrides) -> GenerationParams:
    return GenerationParams(**merge_params({"num_beams": num_beams}, overrides.given()))


def _is_encodable(text: str) -> bool:
    """Return False for a text with half of a surrogate pair, as undecodable arguments have."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
