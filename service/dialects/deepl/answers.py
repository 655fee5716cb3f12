"""Turn the tasks' answers into DeepL's bodies."""

from service.access.control import Report
from service.dialects.deepl.languages import deepl_code
from service.dialects.deepl.schemas import (
    DeepLTranslation,
    DeepLTranslations,
    DeepLUsage,
    TranslateRequest,
)
from service.tasks.records import ItemAnswer, TranslationAnswer

_NO_LIMIT = 1_000_000_000_000  # of an account without one, as DeepL says it


def translations(answer: TranslationAnswer, body: TranslateRequest) -> DeepLTranslations:
    """Return the body of `/v2/translate`; fields that were not asked for stay unset."""
    pairs = zip(answer.items, body.text, strict=True)
    return DeepLTranslations(translations=[_translation(item, text, body) for item, text in pairs])


def usage(report: Report) -> DeepLUsage:
    """Return the body of `/v2/usage`."""
    limit = report.characters_per_month
    return DeepLUsage(
        character_count=report.used.characters,
        character_limit=_NO_LIMIT if limit is None else limit,
    )


def _translation(item: ItemAnswer, source: str, body: TranslateRequest) -> DeepLTranslation:
    assert item.source_lang is not None  # noqa: S101 - every translation has one
    asked: dict[str, int | str] = {}
    if body.show_billed_characters:
        asked["billed_characters"] = len(source)
    if body.model_type is not None:
        asked["model_type_used"] = body.model_type.removeprefix("prefer_")
    return DeepLTranslation.model_validate(
        {
            "detected_source_language": deepl_code(item.source_lang),
            "text": item.text,
            **asked,
        }
    )
