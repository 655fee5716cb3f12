"""Turn the tasks' answers into native bodies, with the parts that the client asked for."""

from collections import Counter
from typing import Any

from service.backend import FinishedEvent
from service.dialects.native.schemas import (
    MAX_LISTED_PAIRS,
    Alternative,
    ItemOutput,
    LanguageOutput,
    LanguagesResponse,
    Part,
    SegmentOutput,
    SummarizeResponse,
    TranslateResponse,
    TranslationOutput,
    Usage,
)
from service.tasks.records import (
    ItemAnswer,
    SummaryAnswer,
    TaskAnswer,
    TranslationAnswer,
)
from service.tasks.registry import ModelRegistry
from service.text.languages import name_of

Parts = frozenset[Part]


def translate_response(answer: TranslationAnswer, parts: Parts) -> TranslateResponse:
    """Return the body of `/v1/translate`; fields that were not asked for stay unset."""
    return TranslateResponse(
        model=answer.model,
        translations=[_translation(item, parts) for item in answer.items],
        usage=_usage(answer),
    )


def summarize_response(answer: SummaryAnswer, parts: Parts) -> SummarizeResponse:
    """Return the body of `/v1/summarize`; fields that were not asked for stay unset."""
    return SummarizeResponse(
        model=answer.model,
        summaries=[ItemOutput(**_item(item, parts)) for item in answer.items],
        usage=_usage(answer),
    )


def languages_response(registry: ModelRegistry) -> LanguagesResponse:
    """Return each language with its targets; targets that many share are listed once."""
    targets = {code: registry.targets(code) for code in registry.languages}
    common: frozenset[str] = frozenset()
    if sum(map(len, targets.values())) > MAX_LISTED_PAIRS:
        reach = Counter(frozenset((code, *others)) for code, others in targets.items() if others)
        ((common, _),) = reach.most_common(1)
    return LanguagesResponse(
        languages=[
            LanguageOutput(
                code=code,
                name=name_of(code),
                targets=None if others and common - {code} == set(others) else list(others),
            )
            for code, others in targets.items()
        ],
        targets=[code for code in registry.languages if code in common],
    )


def _translation(item: ItemAnswer, parts: Parts) -> TranslationOutput:
    assert item.source_lang is not None  # noqa: S101 - every translation has one
    return TranslationOutput(
        source_lang=item.source_lang, detected=item.detected, **_item(item, parts)
    )


def _item(item: ItemAnswer, parts: Parts) -> dict[str, Any]:
    """Return the fields of an `ItemOutput` that the client asked for; the others stay unset."""
    fields: dict[str, Any] = {"text": item.text, "truncated": item.truncated}
    with_score = "scores" in parts
    if with_score:
        fields["score"] = item.score
    if "alternatives" in parts:
        fields["alternatives"] = [
            Alternative(text=each.text, **({"score": each.score} if with_score else {}))
            for each in item.alternatives
        ]
    if "segments" in parts:
        # Not `item.segments`: this API tells no spans, and they cost time.
        pairs = zip(item.document.segments, item.events, strict=True)
        fields["segments"] = [
            _segment(segment.text, event, with_score=with_score) for segment, event in pairs
        ]
    return fields


def _segment(read: str, event: FinishedEvent, *, with_score: bool) -> SegmentOutput:
    best = event.outputs[0]
    score = {"score": best.score} if with_score else {}
    return SegmentOutput(source=read, text=best.text, truncated=event.truncated, **score)


def _usage(answer: TaskAnswer) -> Usage:
    usage = answer.usage
    return Usage(
        input_characters=usage.input_characters,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
    )
