"""Turn DeepL's bodies into the records of the tasks."""

from collections.abc import Mapping
from typing import Any

from service.dialects.deepl.schemas import MAX_GLOSSARIES, TranslateRequest
from service.errors import InvalidFieldError, NotOfferedError
from service.settings import Settings
from service.tasks.limits import deadline_of
from service.tasks.records import MarkupOptions, TranslationRequest
from service.text.documents import Mode
from service.text.markup.vocabulary import TagOptions
from service.wire.field_errors import validated

_NOT_OFFERED = (
    "style_id",
    "custom_instructions",
    "translation_memory_id",
    "translation_memory_threshold",
)
_NEVER_SHOWN = frozenset({"text", "context"})
_MODES: Mapping[str, Mode] = {"0": "none", "1": "sentences", "nonewlines": "nonewlines"}


def translate_body(fields: Mapping[str, Any]) -> TranslateRequest:
    """Return the body of `/v2/translate`, checked.

    Raises:
        InvalidFieldError: A field does not fit the schema, or two contradict each other.
        NotOfferedError: A field of DeepL's that is not offered is set.
    """
    for name in _NOT_OFFERED:
        if fields.get(name) is not None:
            raise NotOfferedError(f"`{name}` is not offered by this service; leave it out")
    body = validated(TranslateRequest, fields, secret=_NEVER_SHOWN)
    _check_glossaries(body)
    return body


def glossary_ids_of(body: TranslateRequest) -> tuple[str, ...]:
    """Return the glossaries that a body names, the most important first."""
    return (body.glossary_id,) if body.glossary_id else tuple(body.glossary_ids or ())


def translation_request(
    body: TranslateRequest, *, request_id: str, settings: Settings
) -> TranslationRequest:
    """Return the record of a translation."""
    return TranslationRequest(
        request_id=request_id,
        text=tuple(body.text),
        deadline=deadline_of(None, settings),
        target_lang=body.target_lang,
        source_lang=body.source_lang,
        split=_mode_of(body),
        markup=_markup_of(body),
    )


def _check_glossaries(body: TranslateRequest) -> None:
    if body.glossary_id and body.glossary_ids:
        raise InvalidFieldError("glossary_ids", "excludes `glossary_id`; give one of the two")
    ids = glossary_ids_of(body)
    if len(ids) > MAX_GLOSSARIES:
        raise InvalidFieldError(
            "glossary_ids", f"has {len(ids)} entries; it must have at most {MAX_GLOSSARIES}"
        )
    if ids and body.source_lang is None:
        raise InvalidFieldError("source_lang", "is required, as a glossary is named")


def _mode_of(body: TranslateRequest) -> Mode:
    default = "nonewlines" if body.tag_handling == "html" else "1"
    return _MODES[default if body.split_sentences is None else str(body.split_sentences)]


def _markup_of(body: TranslateRequest) -> MarkupOptions | None:
    """Return how to read the texts' markup, or None for plain text."""
    if body.tag_handling is None:
        return None
    return MarkupOptions(
        format=body.tag_handling,
        tags=TagOptions(
            splitting=frozenset(body.splitting_tags or ()),
            non_splitting=frozenset(body.non_splitting_tags or ()),
            ignored=frozenset(body.ignore_tags or ()),
            outline_detection=body.outline_detection is not False,
        ),
    )
