"""Turn the fields of LibreTranslate's requests into the records of the tasks."""

from collections.abc import Mapping
from typing import Any, TypeVar

from service.backend import NO_OVERRIDES, ParamOverrides
from service.dialects.libretranslate.codes import AUTO, LanguageCodes
from service.dialects.libretranslate.errors import MissingParameterError, RequestTooLongError
from service.dialects.libretranslate.schemas import DetectFields, TranslateFields
from service.settings import Settings
from service.tasks.limits import deadline_of
from service.tasks.records import MarkupOptions, TranslationRequest
from service.tasks.registry import ModelRegistry
from service.wire.field_errors import validated

FieldsT = TypeVar("FieldsT", TranslateFields, DetectFields)

SECRET = frozenset({"q", "api_key"})  # never shown in an error


def read(
    schema: type[FieldsT], fields: Mapping[str, Any], *, settings: Settings, is_form: bool
) -> FieldsT:
    """Return the fields as an object of `schema`, with texts within the operator's limits.

    Null is as good as no value, and so is an empty string, but for a text. A form writes the ends
    of lines as CRLF, which become LF again.

    Raises:
        MissingParameterError, InvalidFieldError: A field is missing, or does not fit.
        RequestTooLongError: Too many texts, or too many characters together.
    """
    given = {
        name: value
        for name, value in fields.items()
        if value is not None and (value != "" or name == "q")
    }
    for name, field in schema.model_fields.items():
        if field.is_required() and name not in given:
            raise MissingParameterError(name)
    found = validated(schema, given, secret=SECRET)
    for size, limit in (
        (len(found.q), settings.max_items),
        (sum(map(len, found.q)), settings.max_text_characters),
    ):
        if size > limit:
            raise RequestTooLongError(size, limit=limit)
    return found.model_copy(update={"q": list(map(_with_lf, found.q))}) if is_form else found


def translation_request(
    fields: TranslateFields,
    *,
    request_id: str,
    settings: Settings,
    registry: ModelRegistry,
    codes: LanguageCodes,
) -> TranslationRequest:
    """Return the record of a translation.

    Raises:
        UnsupportedLanguageError: A code of no served language.
        TaskNotServedError: No model translates.
    """
    is_auto = fields.source.lower() == AUTO
    return TranslationRequest(
        request_id=request_id,
        text=tuple(fields.q),
        deadline=deadline_of(None, settings),
        source_lang=None if is_auto else codes.served("source", fields.source),
        target_lang=codes.served("target", fields.target),
        markup=MarkupOptions(format="html") if fields.format == "html" else None,
        overrides=_overrides(fields.alternatives, registry),
    )


def _overrides(num_alternatives: int, registry: ModelRegistry) -> ParamOverrides:
    """Return parameters with as many beams as outputs, and none less than a model's own."""
    if num_alternatives == 0:
        return NO_OVERRIDES
    num_return = num_alternatives + 1
    own = (model.default_num_beams for model in registry.translators(None))
    return ParamOverrides(num_beams=max(num_return, *own), num_return=num_return)


def _with_lf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
