"""Turn native bodies into the records of the tasks."""

from model.engine.params import Priority
from service.backend import ParamOverrides
from service.dialects.native.schemas import (
    GenerationRequest,
    Part,
    SummarizeRequest,
    TranslateRequest,
)
from service.errors import NotOfferedError, show
from service.settings import Settings
from service.tasks.limits import deadline_of
from service.tasks.records import SummaryRequest, TaskFields, TranslationRequest
from service.text.documents import Mode


def translation_request(
    body: TranslateRequest, *, request_id: str, settings: Settings
) -> TranslationRequest:
    """Return the record of a translation.

    Raises:
        NotOfferedError: a field of the contract that this version does not serve.
        InvalidFieldError: `timeout_ms` is longer than an operator allows.
    """
    return TranslationRequest(
        **_common(body, body.split, request_id=request_id, settings=settings),
        target_lang=body.target_lang,
        source_lang=body.source_lang,
    )


def summary_request(
    body: SummarizeRequest, *, request_id: str, settings: Settings
) -> SummaryRequest:
    """Return the record of a summary; raises as `translation_request` does."""
    return SummaryRequest(
        **_common(body, body.split, request_id=request_id, settings=settings), style=body.style
    )


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
    _refuse_what_is_not_offered(body)
    return {
        "request_id": request_id,
        "text": texts_of(body.text),
        "deadline": deadline_of(body.timeout_ms, settings),
        "model": body.model,
        "split": split,
        "overrides": _overrides(body),
        "target_prefix": body.target_prefix or None,
        "return_scores": "scores" in body.return_,
        "on_overflow": body.on_overflow,
        "priority": Priority(body.priority),
    }


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
