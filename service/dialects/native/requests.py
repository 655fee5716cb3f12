"""Turn native bodies into the records of the tasks."""

from collections.abc import Mapping

from model.engine.params import Priority
from service.backend import ParamOverrides
from service.dialects.native.schemas import (
    GenerationRequest,
    GlossaryEntry,
    Part,
    ScoreRequest,
    SummarizeRequest,
    TranslateRequest,
)
from service.errors import InvalidFieldError, NotOfferedError, show
from service.settings import Settings
from service.tasks.glossaries import named_glossary
from service.tasks.limits import deadline_of
from service.tasks.records import MarkupOptions, SummaryRequest, TaskFields, TranslationRequest
from service.tasks.scoring import ScoringRequest, SummaryOf, TranslationOf
from service.text.documents import Mode
from service.text.glossary import Entry, Glossary, GlossaryError


def translation_request(
    body: TranslateRequest,
    *,
    request_id: str,
    settings: Settings,
    glossaries: Mapping[str, Glossary],
) -> TranslationRequest:
    """Return the record of a translation; `glossaries` are those that it may name.

    Raises:
        InvalidFieldError: `timeout_ms` is longer than an operator allows, two fields contradict
            each other, `glossary` names none that there is, or an entry of it cannot be.
    """
    return TranslationRequest(
        **_common(body, body.split, request_id=request_id, settings=settings),
        target_lang=body.target_lang,
        source_lang=body.source_lang,
        markup=_markup(body),
        return_links="alignment" in body.return_,
        glossary=_glossary(body.glossary, glossaries),
    )


def summary_request(
    body: SummarizeRequest, *, request_id: str, settings: Settings
) -> SummaryRequest:
    """Return the record of a summary.

    Raises:
        NotOfferedError: a part that only translations have.
        InvalidFieldError: `timeout_ms` is longer than an operator allows.
    """
    if body.format != "text":
        raise NotOfferedError(f"`format` is {show(body.format)}; a summary is made of 'text' only")
    if "alignment" in body.return_:
        raise NotOfferedError("`return` holds 'alignment', which only translations have")
    return SummaryRequest(
        **_common(body, body.split, request_id=request_id, settings=settings), style=body.style
    )


def scoring_request(body: ScoreRequest, *, request_id: str, settings: Settings) -> ScoringRequest:
    """Return the record of a score.

    Raises:
        InvalidFieldError: it is not either a translation's or a summary's.
    """
    return ScoringRequest(
        request_id=request_id,
        text=body.text,
        output=body.output,
        kind=_kind_of(body),
        deadline=deadline_of(None, settings),
        model=body.model,
    )


def _kind_of(body: ScoreRequest) -> TranslationOf | SummaryOf:
    names_style = "style" in body.model_fields_set  # null is the model's first
    if body.target_lang is not None and names_style:
        raise InvalidFieldError("style", "excludes `target_lang`; a score is of one of the two")
    if body.target_lang is not None:
        return TranslationOf(target_lang=body.target_lang, source_lang=body.source_lang)
    if not names_style:
        raise InvalidFieldError("target_lang", "is required, or `style` for a summary")
    if body.source_lang is not None:
        raise InvalidFieldError("source_lang", "belongs to `target_lang`, which is missing")
    return SummaryOf(style=body.style)


def texts_of(text: str | list[str]) -> tuple[str, ...]:
    """Return a body's `text`, one or several, as a tuple."""
    return (text,) if isinstance(text, str) else tuple(text)


def parts_of(body: GenerationRequest) -> frozenset[Part]:
    """Return the optional parts of the answer; several outputs are shown without asking."""
    parts = frozenset(body.return_)
    return parts | {"alternatives"} if body.num_return > 1 else parts


def _common(
    body: GenerationRequest, split: Mode, *, request_id: str, settings: Settings
) -> TaskFields:
    return {
        "request_id": request_id,
        "text": texts_of(body.text),
        "deadline": deadline_of(body.timeout_ms, settings),
        "model": body.model,
        "split": split,
        "overrides": _overrides(body),
        "target_prefix": body.target_prefix or None,
        "return_scores": "scores" in body.return_,
        "return_confidence": "confidence" in body.return_,
        "on_overflow": body.on_overflow,
        "priority": Priority(body.priority),
    }


def _glossary(
    given: str | list[GlossaryEntry] | None, named: Mapping[str, Glossary]
) -> Glossary | None:
    if not given:
        return None
    if isinstance(given, str):
        return named_glossary(given, named)
    try:
        return Glossary(Entry(each.source, each.target, each.mode) for each in given)
    except GlossaryError as error:
        earlier = "" if error.earlier is None else f" in `glossary[{error.earlier}]`"
        field = f"glossary[{error.index}].{error.part}"
        raise InvalidFieldError(field, f"{error.about}{earlier}") from error


def _overrides(body: GenerationRequest) -> ParamOverrides:
    # A checkpoint may have a `num_return` of its own, so only one that the client set overrides it.
    is_set = "num_return" in body.model_fields_set
    return ParamOverrides(
        num_beams=body.num_beams,
        num_return=body.num_return if is_set else None,
        max_new_tokens=body.max_new_tokens,
        length_penalty=body.length_penalty,
        repetition_penalty=body.repetition_penalty,
        no_repeat_ngram_size=body.no_repeat_ngram_size,
        temperature=body.temperature,
        top_k=body.top_k,
        top_p=body.top_p,
        seed=body.seed,
    )


def _markup(body: TranslateRequest) -> MarkupOptions | None:
    """Return how to read the texts' markup, or None for plain text.

    Raises:
        InvalidFieldError: Attributes, but no markup that could have them.
    """
    if body.format == "text":
        if body.attributes:
            raise InvalidFieldError(
                "attributes", "names attributes; only `format` html or xml has them"
            )
        return None
    return MarkupOptions(format=body.format, attributes=frozenset(body.attributes))
