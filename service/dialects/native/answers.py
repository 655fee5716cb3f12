"""Turn the tasks' answers into native bodies, with the parts that the client asked for."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from service.access.clients import Allowance
from service.access.control import Report
from service.dialects.native.answer_schemas import (
    MAX_LISTED_PAIRS,
    AlignmentLink,
    Alternative,
    ItemOutput,
    LanguageOutput,
    LanguagesResponse,
    ScoreResponse,
    SegmentOutput,
    SummarizeResponse,
    TokenScore,
    TranslateResponse,
    TranslationOutput,
    Usage,
    UsageResponse,
)
from service.dialects.native.schemas import Part
from service.spans import Link
from service.tasks.records import (
    ItemAnswer,
    SegmentAnswer,
    SummaryAnswer,
    TaskAnswer,
    TranslationAnswer,
)
from service.tasks.registry import ModelRegistry
from service.tasks.scoring import ScoringAnswer
from service.text.languages import name_of

Parts = frozenset[Part]

_DIGITS = 4  # of weights and confidences, which are between 0 and 1


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


def score_response(answer: ScoringAnswer) -> ScoreResponse:
    """Return the body of `/v1/score`."""
    scored = answer.scored
    return ScoreResponse(
        model=answer.model,
        score=scored.score,
        tokens=[
            TokenScore(
                text=scored.text[token.span.start : token.span.stop],
                start=token.span.start,
                end=token.span.stop,
                logprob=token.logprob,
            )
            for token in scored.tokens
        ],
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


def usage_response(report: Report, allowance: Allowance) -> UsageResponse:
    """Return the body of `/v1/usage`."""
    used, limit = report.used, report.characters_per_month
    return UsageResponse(
        period=report.period,
        requests=used.requests,
        characters=used.characters,
        characters_limit=limit,
        characters_left=None if limit is None else max(0, limit - used.characters),
        requests_per_minute=allowance.requests_per_minute,
        characters_per_minute=allowance.characters_per_minute,
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
    if "confidence" in parts:
        fields["confidence"] = _rounded(item.confidence)
    if "alignment" in parts and not item.has_markup:
        fields["alignment"] = _alignment(item.links())
    if "alternatives" in parts:
        fields["alternatives"] = [
            Alternative(text=each.text, **({"score": each.score} if with_score else {}))
            for each in item.alternatives
        ]
    if "segments" in parts or ("alignment" in parts and item.has_markup):
        pairs = zip(item.document.segments, item.segments, strict=True)
        fields["segments"] = [_segment(segment.text, found, parts) for segment, found in pairs]
    return fields


def _segment(source: str, found: SegmentAnswer, parts: Parts) -> SegmentOutput:
    best = found.outputs[0]
    fields: dict[str, Any] = {}
    if "scores" in parts:
        fields["score"] = best.score
    if "confidence" in parts:
        fields["confidence"] = _rounded(best.confidence)
    if "alignment" in parts:
        fields["alignment"] = _alignment(best.links)
    return SegmentOutput(source=source, text=best.text, truncated=found.truncated, **fields)


def _rounded(confidence: float | None) -> float | None:
    return None if confidence is None else round(confidence, _DIGITS)


def _alignment(links: Iterable[Link]) -> list[AlignmentLink]:
    return [
        (
            each.source.start,
            each.source.stop,
            each.target.start,
            each.target.stop,
            round(each.weight, _DIGITS),
        )
        for each in links
    ]


def _usage(answer: TaskAnswer) -> Usage:
    usage = answer.usage
    return Usage(
        input_characters=usage.input_characters,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
    )
