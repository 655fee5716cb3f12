"""From a wire model to what the service is sure of; limits that are settings are checked here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model.engine.params import GenerationParams, Priority
from service.backend import ModelInfo, OnOverflow
from service.errors import InvalidFieldError, NotOfferedError, TextTooLongError, show
from service.settings import Settings
from service.tasks.schemas import (
    GenerationRequest,
    Overflow,
    Part,
    SummarizeRequest,
    TranslateRequest,
)
from service.text.documents import Mode

_SAMPLING_FIELDS = ("temperature", "top_k", "top_p", "seed")
_PARAM_FIELDS = (
    *("num_beams", "max_new_tokens", "length_penalty", "repetition_penalty"),
    *("no_repeat_ngram_size", *_SAMPLING_FIELDS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What all segments of one HTTP request share; checked, so that nothing below needs to."""

    request_id: str
    texts: tuple[str, ...]
    overrides: Mapping[str, Any]
    target_prefix: str | None
    parts: frozenset[Part]
    split: Mode
    on_overflow: Overflow
    priority: Priority
    timeout_s: float

    @property
    def num_characters(self) -> int:
        return sum(map(len, self.texts))

    @property
    def backend_overflow(self) -> OnOverflow:
        """What the backend does with a segment that is still too long."""
        return "truncate" if self.on_overflow == "truncate" else "error"


def options_of(
    body: TranslateRequest | SummarizeRequest, *, request_id: str, settings: Settings
) -> Options:
    """The request's options.

    Raises:
        InvalidFieldError: a field beyond a limit of the settings.
        TextTooLongError: more characters than one request may have.
        NotOfferedError: a field of the contract that this version does not serve.
    """
    _refuse_what_is_not_offered(body)
    texts = texts_of(body.text, settings=settings)
    timeout_ms = body.timeout_ms or settings.default_timeout_ms
    if timeout_ms > settings.max_timeout_ms:
        raise InvalidFieldError(
            f"`timeout_ms` is {show(timeout_ms)}; it must be at most {settings.max_timeout_ms}"
        )
    return Options(
        request_id=request_id,
        texts=texts,
        overrides=_overrides(body),
        target_prefix=body.target_prefix or None,
        parts=_parts(body),
        split=body.split,
        on_overflow=body.on_overflow,
        priority=Priority(body.priority),
        timeout_s=timeout_ms / 1_000,
    )


def texts_of(text: str | list[str], *, settings: Settings) -> tuple[str, ...]:
    """The request's texts, within the limits on their number and their characters together.

    Raises:
        InvalidFieldError: no text at all, or too many.
        TextTooLongError: too many characters.
    """
    texts = (text,) if isinstance(text, str) else tuple(text)
    if not 1 <= len(texts) <= settings.max_items:
        raise InvalidFieldError(
            f"`text` has {len(texts)} entries; it must have 1 to {settings.max_items}"
        )
    num_characters = sum(map(len, texts))
    if num_characters > settings.max_text_characters:
        raise TextTooLongError(num_characters=num_characters, limit=settings.max_text_characters)
    return texts


def params_for(model: ModelInfo, options: Options) -> GenerationParams:
    """The parameters as the model would take them, its own defaults filled in where they matter.

    Raises:
        InvalidParamsError: two parameters that exclude each other.
        InvalidFieldError: more tokens than the model writes.
    """
    params = GenerationParams(**{"num_beams": model.default_num_beams, **options.overrides})
    asked = options.overrides.get("max_new_tokens", 1)
    if asked > model.max_new_tokens:
        raise InvalidFieldError(
            f"`max_new_tokens` is {show(asked)}; {model.name} writes at most {model.max_new_tokens}"
        )
    return params


def _overrides(body: GenerationRequest) -> dict[str, Any]:
    """The generation parameters that the client set; sampling alone means one beam."""
    given = {name: getattr(body, name) for name in _PARAM_FIELDS}
    overrides = {name: value for name, value in given.items() if value is not None}
    if "num_return" in body.model_fields_set:
        overrides["num_return"] = body.num_return
    if any(name in overrides for name in _SAMPLING_FIELDS):
        overrides.setdefault("num_beams", 1)
    return overrides


def _parts(body: GenerationRequest) -> frozenset[Part]:
    """The optional parts of the answer; who asks for several outputs wants to see them."""
    parts = frozenset(body.return_)
    return parts | {"alternatives"} if body.num_return > 1 else parts


def _refuse_what_is_not_offered(body: GenerationRequest) -> None:
    if body.format != "text":
        raise NotOfferedError(f"`format` is {show(body.format)}; this version offers 'text' only")
    if body.glossary is not None:
        raise NotOfferedError("`glossary` is not offered by this version; leave the field out")
    if "alignment" in body.return_:
        raise NotOfferedError(
            "`return` holds 'alignment', which this version does not offer; "
            "it offers scores, segments, alternatives"
        )
